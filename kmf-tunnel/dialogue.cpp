// The rules of an RFC 9185 connection, one message after the other.
#include "kmf-tunnel/dialogue.h"

namespace mdd::tunnel::rfc9185 {
namespace {

constexpr std::size_t kVersionAt = kHeaderBytes;

bool is_announcement(std::uint8_t type) {
    return type == static_cast<std::uint8_t>(Type::supported_profiles);
}

}  // namespace

void Dialogue::take(srtp::Bytes plaintext) {
    if (verdict_) return;
    reader_.take(plaintext,
                 [this](std::uint8_t type, srtp::Bytes body) { return on_frame(type, body); });
    if (!verdict_ && !is_open()) on_begun(reader_.begun());
}

// A KMF judges the first message as early as it can: what follows the version of another protocol
// may have any shape, and no end.
void Dialogue::on_begun(srtp::Bytes frame) {
    if (!frame.empty() && !is_announcement(frame[0]))
        break_off("its first message is not supported_profiles");
    else if (frame.size() > kVersionAt && frame[kVersionAt] > kHighestVersion)
        refuse_version(frame[kVersionAt]);
}

bool Dialogue::on_frame(std::uint8_t type, srtp::Bytes body) {
    if (!is_open() && !is_announcement(type)) {
        break_off("its first message is not supported_profiles");
        return false;
    }
    auto decoded = decode(type, body, role_);
    if (auto* message = std::get_if<Message>(&decoded)) {
        on_message(std::move(*message));
    } else if (auto* announcement = std::get_if<Announcement>(&decoded)) {
        on_announcement(std::move(*announcement));
    } else if (const auto* answer = std::get_if<UnsupportedVersion>(&decoded)) {
        on_unsupported_version(*answer);
    } else if (const auto* error = std::get_if<DecodeError>(&decoded)) {
        ++counters_.refused[static_cast<std::size_t>(error->reason)];
        break_off("a message of type " + std::to_string(type) +
                  " is refused: " + std::string(to_string(error->reason)));
    } else {
        ++counters_.skipped;
    }
    return !verdict_;
}

void Dialogue::on_announcement(Announcement announcement) {
    if (announcement.version > kHighestVersion)
        refuse_version(announcement.version);
    else if (!announced_)
        announced_ = std::move(announcement);
    else if (*announced_ != announcement)
        break_off("it announces other profiles than before");
}

void Dialogue::on_unsupported_version(const UnsupportedVersion& answer) {
    version_named_ = answer.highest;
    verdict_ = Down{DownReason::version_unsupported, "the peer speaks RFC 9185's version " +
                                                         std::to_string(answer.highest) +
                                                         " at most, and not the one announced"};
}

void Dialogue::on_message(Message message) {
    if (role_ == Role::kmf && std::holds_alternative<Empty>(message.body))
        message.body = SupportedProfiles{announced_->profiles, {}};
    ++counters_.messages_in;
    messages_.push_back(std::move(message));
}

void Dialogue::refuse_version(std::uint8_t version) {
    const SecretBytes encoded = encode(UnsupportedVersion{kHighestVersion});
    answer_.assign(encoded.bytes().begin(), encoded.bytes().end());
    verdict_ = Down{DownReason::version_unsupported,
                    "the peer announces version " + std::to_string(version) + " of RFC 9185"};
}

void Dialogue::break_off(std::string why) {
    verdict_ = Down{DownReason::protocol_error, "the peer breaks the protocol: " + std::move(why)};
}

std::optional<Message> Dialogue::next_message() {
    if (messages_.empty()) return std::nullopt;
    auto message = std::move(messages_.front());
    messages_.pop_front();
    return message;
}

}  // namespace mdd::tunnel::rfc9185
