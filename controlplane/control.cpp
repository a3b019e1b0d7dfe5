// The control thread's loop: two timers and the tunnels' sockets.
#include "controlplane/control.h"

#include <spdlog/spdlog.h>

#include <stdexcept>
#include <utility>

#include "dataplane/datagram.h"

namespace mdd::control {

Control::Control(boost::asio::io_context& io, Settings settings, const std::vector<KmfPlan>& kmfs,
                 std::vector<WorkerDoor> doors)
    : state_(std::move(settings), std::move(doors),
             [this](const Command& command) { on_returned(command); }),
      tunnels_(
          io, kmfs,
          {.message =
               [this](const TunnelName& from, tunnel::Message&& message) {
                   handshakes_.from_kmf(from, std::move(message), Clock::now());
               },
           .up = [this](const TunnelName& name) { associations_.tunnel_up(name, Clock::now()); }}),
      membership_(state_,
                  [this](EndpointState& endpoint, TimePoint now) {
                      associations_.end(endpoint, Ending::silent, now);
                  }),
      associations_(state_, membership_, tunnels_),
      keying_(state_,
              [this](EndpointRef ref, const tunnel::AssociationId& id) {
                  handshakes_.installed(ref, id, Clock::now());
              }),
      handshakes_(state_, membership_, keying_, associations_),
      poll_timer_(io),
      tick_timer_(io) {}

bool Control::renew(const std::vector<tunnel::Credentials>& credentials) {
    bool all = true;
    for (KmfIndex kmf = 0; kmf < credentials.size(); ++kmf) {
        try {
            tunnels_.renew(kmf, credentials[kmf]);
        } catch (const std::runtime_error& error) {
            spdlog::error("{} The old ones stay in use.", error.what());
            all = false;
        }
    }
    return all;
}

void Control::start() {
    running_ = true;
    membership_.announce();
    tunnels_.start(state_.conferences.all());
    arm_poll();
    arm_tick();
}

void Control::stop() {
    running_ = false;
    poll_timer_.cancel();
    tick_timer_.cancel();
    tunnels_.stop();
}

void Control::arm_poll() {
    poll_timer_.expires_after(Clock::now() < busy_until_ ? kBusyPoll : kIdlePoll);
    poll_timer_.async_wait([this](const boost::system::error_code& error) {
        if (error || !running_) return;
        poll(Clock::now());
        arm_poll();
    });
}

void Control::arm_tick() {
    tick_timer_.expires_after(kTick);
    tick_timer_.async_wait([this](const boost::system::error_code& error) {
        if (error || !running_) return;
        on_time(Clock::now());
        arm_tick();
    });
}

bool Control::poll(TimePoint now) {
    bool any = state_.courier.poll();
    for (unsigned worker = 0; worker < state_.courier.workers(); ++worker)
        any |= take_notices(worker, now);
    if (any || state_.courier.outstanding() != 0) busy_until_ = now + kBusyFor;
    return any;
}

void Control::on_time(TimePoint now) {
    membership_.on_time(now);
    keying_.on_time(now);
    associations_.on_time(now);
}

bool Control::take_notices(unsigned worker, TimePoint now) {
    Notice notice{.kind = Notice::Kind::dtls};
    unsigned taken = 0;
    while (taken < kNoticesPerPoll && state_.courier.mailbox(worker).next(notice)) {
        ++taken;
        on_notice(notice, now);
    }
    return taken != 0;
}

void Control::on_notice(const Notice& notice, TimePoint now) {
    switch (notice.kind) {
        case Notice::Kind::dtls:
            handshakes_.from_endpoint(notice, now);
            return free_datagram(notice.packet);
        case Notice::Kind::ssrc_seen:
            return membership_.on_ssrc(notice, now);
        case Notice::Kind::key_proved:
            return keying_.on_proof(notice, now);
        case Notice::Kind::neighbour:
            return membership_.on_neighbour(notice);
    }
}

void Control::on_returned(const Command& command) {
    if (const auto* answer = std::get_if<PollActivity>(&command.body))
        membership_.on_activity(*answer, Clock::now());
    else if (const auto* decided = std::get_if<DecideKeys>(&command.body))
        keying_.on_decided(*decided, Clock::now());
}

void Control::drain() {
    Notice notice{.kind = Notice::Kind::dtls};
    for (unsigned worker = 0; worker < state_.courier.workers(); ++worker)
        while (state_.courier.mailbox(worker).next(notice))
            if (notice.kind == Notice::Kind::dtls) {
                state_.counters.drop(srtp::Verdict::shutdown);
                free_datagram(notice.packet);
            }
    state_.courier.abandon();
}

}  // namespace mdd::control
