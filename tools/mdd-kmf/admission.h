// Which conference an endpoint gets into, judged twice in its handshake: by what its ClientHello
// offers, and by the certificate it shows then. Asks the roster of the moment each time; no DTLS.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kmf-tunnel/message.h"
#include "tools/mdd-kmf/hello_offer.h"
#include "tools/mdd-kmf/outcome.h"
#include "tools/mdd-kmf/roster.h"

namespace mdd::kmf {

// As what an endpoint got in.
struct Admitted {
    tunnel::ConferenceId conference;
    dtls::Fingerprint endpoint{};
    srtp::Profile profile = srtp::Profile::double_aes_128_gcm;
    bool has_ekt = false;               // offered the cipher of the profile
    std::optional<std::string> tls_id;  // as sent in external_session_id
};

// Whether it would still get in, through this MDD.
bool still_admits(const Roster& roster, const std::string& mdd, tunnel::Dialect dialect,
                  const Admitted& admitted);

class Admission {
  public:
    struct Asked {
        std::string mdd;
        tunnel::Dialect dialect = tunnel::Dialect::dtls_v1;
        // dtls-v1: named in the message. rfc9185: told by tls-id and certificate, and named here
        // only when the association is in a conference already.
        std::optional<tunnel::ConferenceId> conference;
        std::vector<std::uint16_t> mdd_profiles;
    };

    // `roster` must outlive it and may change meanwhile.
    Admission(const Roster& roster, Asked asked) : roster_(roster), asked_(std::move(asked)) {}

    // nullopt: go on. Call in this order.
    std::optional<Refusal> judge_hello(const HelloOffer& offer);
    std::optional<Refusal> judge_certificate(const dtls::Fingerprint& certificate);

    // Known after judge_hello() had no objection.
    srtp::Profile profile() const { return admitted_.profile; }
    bool has_ekt() const { return admitted_.has_ekt; }
    // What to answer as our external_session_id; empty while several conferences are possible.
    const std::string& own_tls_id() const { return own_tls_id_; }
    // Complete after judge_certificate() had no objection.
    const Admitted& admitted() const { return admitted_; }

  private:
    std::vector<const Conference*> candidates() const;

    const Roster& roster_;
    Asked asked_;
    Admitted admitted_;
    std::string own_tls_id_;
};

}  // namespace mdd::kmf
