// Keys from a KMF: judged, expanded, sent to the workers, switched and retired (ownership law 6).
// The only part of control that holds key bytes, and not for longer than a call.
#pragma once

#include <functional>

#include "controlplane/state.h"
#include "kmf-tunnel/key_fingerprint.h"

namespace mdd::control {

class Keying {
  public:
    // `installed` is called when every worker concerned has the keys of this association.
    Keying(State& state, std::function<void(EndpointRef, const tunnel::AssociationId&)> installed)
        : state_(state), installed_(std::move(installed)) {}

    // Keys for an endpoint with an association. False: refused, and what came with them must not be
    // passed on. True: installed, being installed, or current already.
    bool take(EndpointState& endpoint, tunnel::KeyInformation keys, TimePoint now);

    void on_proof(const Notice& notice, TimePoint now);
    void on_decided(const DecideKeys& answer, TimePoint now);
    void on_time(TimePoint now);

  private:
    bool refuse(const EndpointState& endpoint, KeyRefusal reason);
    bool offers(srtp::Profile profile) const;
    void install(EndpointState& endpoint, const srtp::HopKeys& keys, TimePoint now);

    State& state_;
    std::function<void(EndpointRef, const tunnel::AssociationId&)> installed_;
    const tunnel::KeyFingerprinter fingerprinter_;
};

}  // namespace mdd::control
