// Who may do what: MDDs, conferences and their endpoints, as configured. Pure lookups; holds no
// session state.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/srtp/profile.h"
#include "kmf-tunnel/ids.h"
#include "tools/dtls_srtp/fingerprint.h"
#include "tools/mdd-kmf/conference_keys.h"

namespace mdd::kmf {

struct Endpoint {
    std::string id;
    std::string tls_id;  // of its SDP; empty: not configured
};

// One conference has one SRTP profile; only the listed certificates may join.
struct Conference {
    tunnel::ConferenceId id;
    srtp::Profile profile = srtp::Profile::double_aes_128_gcm;
    std::map<dtls::Fingerprint, Endpoint> endpoints;
    RekeyPolicy rekey;
    bool require_ekt = true;     // of a Double profile
    bool require_tls_id = true;  // over rfc9185
    std::string tls_id;          // ours towards its endpoints; empty: the computed one

    // nullptr when the certificate is not listed.
    const Endpoint* endpoint(const dtls::Fingerprint& fingerprint) const {
        const auto found = endpoints.find(fingerprint);
        return found == endpoints.end() ? nullptr : &found->second;
    }
    // The E2E keys of a Double profile come by EKT; a plain one has none.
    bool uses_ekt() const { return srtp::traits_of(profile).is_double; }
    // What we send as external_session_id (RFC 8844).
    std::string own_tls_id() const;
};

// Its name is who it is; its certificates, one or several at a time, are how it shows that.
struct Mdd {
    std::string name;
    std::vector<dtls::Fingerprint> certificates;
    bool all_conferences = false;
    std::set<tunnel::ConferenceId> conferences;  // beside all_conferences

    bool serves(const tunnel::ConferenceId& id) const {
        return all_conferences || conferences.contains(id);
    }
};

class Roster {
  public:
    // Of entries with the same name, id, certificate or tls-id the first counts; the configuration
    // refuses such files.
    Roster(std::vector<Mdd> mdds, std::vector<Conference> conferences);

    // nullptr when there is none. Valid as long as the roster.
    const Mdd* mdd(const std::string& name) const {
        const auto found = mdds_.find(name);
        return found == mdds_.end() ? nullptr : &found->second;
    }
    const Mdd* mdd_with(const dtls::Fingerprint& certificate) const {
        const auto found = by_certificate_.find(certificate);
        return found == by_certificate_.end() ? nullptr : found->second;
    }
    const Conference* conference(const tunnel::ConferenceId& id) const {
        const auto found = conferences_.find(id);
        return found == conferences_.end() ? nullptr : &found->second;
    }
    // The conference for which an endpoint is configured with this tls-id, or nullptr.
    const Conference* conference_of(const std::string& endpoint_tls_id) const;
    // Those that do not insist on a tls-id.
    const std::vector<const Conference*>& open_conferences() const { return open_; }

  private:
    std::map<std::string, Mdd> mdds_;
    std::map<dtls::Fingerprint, const Mdd*> by_certificate_;
    std::map<tunnel::ConferenceId, Conference> conferences_;
    std::map<std::string, const Conference*> by_tls_id_;
    std::vector<const Conference*> open_;
};

}  // namespace mdd::kmf
