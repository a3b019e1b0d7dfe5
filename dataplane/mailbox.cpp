// The mailbox's bookkeeping: every command comes back, so control knows what a worker has let go.
#include "dataplane/mailbox.h"

namespace mdd {

Mailbox::~Mailbox() {
    for (Command* command = nullptr; commands_.pop(command);) delete command;
    for (Command* command = nullptr; done_.pop(command);) delete command;
}

bool Mailbox::post(std::unique_ptr<Command>& command) {
    if (outstanding_ == capacity_ || !commands_.push(command.get())) return false;
    ++outstanding_;
    static_cast<void>(command.release());
    return true;
}

std::unique_ptr<Command> Mailbox::acknowledged() {
    Command* command = nullptr;
    if (!done_.pop(command)) return nullptr;
    --outstanding_;
    return std::unique_ptr<Command>(command);
}

Command* Mailbox::next_command() {
    Command* command = nullptr;
    return commands_.pop(command) ? command : nullptr;
}

void Mailbox::acknowledge(Command* command) {
    // Cannot fail: at most capacity_ commands are on their way, and done_ holds as many.
    static_cast<void>(done_.push(command));
}

}  // namespace mdd
