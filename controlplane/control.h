// The control thread: joins tunnel events, conferences and mailboxes. The one class that knows all
// of them; the rules stand in its parts.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "controlplane/handshakes.h"
#include "controlplane/keying.h"
#include "controlplane/membership.h"
#include "controlplane/state.h"

namespace mdd::control {

// One thread: the one that runs `io`.
class Control {
  public:
    // `doors`: one per worker, by WorkerIndex; must outlive the control. Throws std::runtime_error,
    // a full sentence, when a tunnel's credentials cannot be loaded.
    Control(boost::asio::io_context& io, Settings settings, const std::vector<KmfPlan>& kmfs,
            std::vector<WorkerDoor> doors);
    Control(const Control&) = delete;
    Control& operator=(const Control&) = delete;

    // Tells the workers of the conferences, opens the tunnels, and polls from then on.
    void start();
    // Closes the tunnels and polls no more; `io` runs out of work.
    void stop();
    // Goes over to new certificates and pins, one for each KMF in order, without dropping a tunnel
    // that is up. A KMF whose new ones cannot be loaded keeps the old, and the log says why. False:
    // there was one.
    bool renew(const std::vector<tunnel::Credentials>& credentials);
    // After the workers have ended: counts and frees what they handed up and nobody has looked at.
    void drain();

    // Pauses or resumes the copy of one stream for one receiver. False: no such conference,
    // endpoints or stream.
    bool pause_leg(const tunnel::ConferenceId& conference, std::string_view source,
                   std::uint32_t ssrc, std::string_view receiver, bool paused) {
        return membership_.pause_leg(conference, source, ssrc, receiver, paused);
    }

    const Counters& counters() const { return state_.counters; }
    const Statistics& statistics() const { return state_.statistics; }
    const Conferences& conferences() const { return state_.conferences; }
    std::vector<TunnelReport> tunnels() const { return tunnels_.report(); }

    // One look at all mailboxes, as the timer does. True: there was something.
    bool poll(TimePoint now);
    // What has come due, as the timer does.
    void on_time(TimePoint now);

  private:
    // Workers cannot signal: mailboxes are polled often while something is going on.
    static constexpr std::chrono::milliseconds kBusyPoll{1};
    static constexpr std::chrono::milliseconds kIdlePoll{5};
    static constexpr std::chrono::milliseconds kBusyFor{100};
    static constexpr std::chrono::milliseconds kTick{100};
    static constexpr unsigned kNoticesPerPoll = 256;  // of one worker

    void arm_poll();
    void arm_tick();
    bool take_notices(unsigned worker, TimePoint now);
    void on_notice(const Notice& notice, TimePoint now);
    void on_returned(const Command& command);

    State state_;
    Tunnels tunnels_;
    Membership membership_;
    Associations associations_;
    Keying keying_;
    Handshakes handshakes_;
    boost::asio::steady_timer poll_timer_;
    boost::asio::steady_timer tick_timer_;
    TimePoint busy_until_{};
    bool running_ = false;
};

}  // namespace mdd::control
