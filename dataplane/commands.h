// Carries out control's commands on one worker's tables, between bursts.
#pragma once

#include "dataplane/backlog.h"
#include "dataplane/egress.h"
#include "dataplane/mailbox.h"
#include "dataplane/receive.h"

namespace mdd {

class CommandRunner {
  public:
    CommandRunner(Table& table, Receiver& receiver, Egress& egress, Backlog& backlog)
        : table_(table), receiver_(receiver), egress_(egress), backlog_(backlog) {}

    // One overload per command; each does what mailbox.h says of it. A command for a member or
    // stream that is not there changes nothing.
    void operator()(AddConference& command);
    void operator()(AddMember& command);
    void operator()(SetTransmitKeys& command);
    void operator()(InstallReceiveKeys& command);
    void operator()(RetireReceiveKeys& command);
    void operator()(GrantSsrc& command);
    void operator()(RefuseSsrc& command);
    void operator()(DecideKeys& command);
    void operator()(SetSsrcOwner& command);
    void operator()(ClearSsrcOwner& command);
    void operator()(PauseLeg& command);
    void operator()(SetNeighbour& command);
    void operator()(SendDatagram& command);
    void operator()(PollActivity& command);
    void operator()(ProbeNeighbour& command);

  private:
    // Null unless this worker owns the member.
    Member* owned(ConferenceSlot conference, MemberSlot member);

    Table& table_;
    Receiver& receiver_;
    Egress& egress_;
    Backlog& backlog_;
};

}  // namespace mdd
