// Endpoints on the workers: their seats, next hops, SSRCs and legs, and when they have left.
#pragma once

#include <functional>
#include <string_view>

#include "controlplane/admission.h"
#include "controlplane/owners.h"
#include "controlplane/state.h"

namespace mdd::control {

class Membership {
  public:
    // `silent` is called for an endpoint that nothing has been heard of for too long.
    Membership(State& state, std::function<void(EndpointState&, TimePoint)> silent)
        : state_(state), owners_(state.courier.workers()), silent_(std::move(silent)) {}

    // Tells the workers of every conference. Once, before anything else.
    void announce();

    // The endpoint that sent `notice` gets its seat on the workers; the owner that it gets with the
    // first one (owners.h) owns it for ever. False: no route to its address.
    bool seat(EndpointState& endpoint, const Notice& notice, TimePoint now);
    // The endpoint is gone: its keys end, its SSRCs wait for it.
    void leave(EndpointState& endpoint, TimePoint now);

    void on_ssrc(const Notice& notice, TimePoint now);
    void on_neighbour(const Notice& notice);
    void on_activity(const PollActivity& answer, TimePoint now);
    // Asks for activity and link-layer addresses.
    void on_time(TimePoint now);

    // Pauses or resumes the copy of one stream for one receiver, both by their endpoint ids. False:
    // no such conference, endpoints or stream.
    bool pause_leg(const tunnel::ConferenceId& conference, std::string_view source,
                   std::uint32_t ssrc, std::string_view receiver, bool paused);

  private:
    void check_activity(TimePoint now);
    void forget_ssrcs();
    void ask_neighbours(TimePoint now);

    State& state_;
    Owners owners_;
    std::function<void(EndpointState&, TimePoint)> silent_;
    TimePoint next_check_{};
    // An endpoint can ask for one SSRC after another as fast as it sends.
    TokenBucket refusals_to_log_{/*per_second=*/1, /*burst=*/10};
};

}  // namespace mdd::control
