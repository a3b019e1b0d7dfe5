// Who may do what: MDDs, conferences and their endpoints, as configured. Pure lookups; holds no
// session state.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "dataplane/srtp/profile.h"
#include "kmf-tunnel/ids.h"
#include "tools/dtls_srtp/fingerprint.h"

namespace mdd::kmf {

// One conference has one SRTP profile; only the listed certificates may join.
struct Conference {
    tunnel::ConferenceId id;
    srtp::Profile profile = srtp::Profile::double_aes_128_gcm;
    std::map<dtls::Fingerprint, std::string> endpoints;  // certificate to endpoint id

    // The endpoint's id, or nullptr when the certificate is not listed.
    const std::string* endpoint(const dtls::Fingerprint& fingerprint) const {
        const auto found = endpoints.find(fingerprint);
        return found == endpoints.end() ? nullptr : &found->second;
    }
};

struct Mdd {
    std::string name;
    dtls::Fingerprint fingerprint{};
    bool all_conferences = false;
    std::set<tunnel::ConferenceId> conferences;  // beside all_conferences

    bool serves(const tunnel::ConferenceId& id) const {
        return all_conferences || conferences.contains(id);
    }
};

class Roster {
  public:
    // Of entries with the same id or fingerprint the first counts; the configuration refuses such
    // files.
    Roster(std::vector<Mdd> mdds, std::vector<Conference> conferences) {
        for (auto& mdd : mdds) mdds_.emplace(mdd.fingerprint, std::move(mdd));
        for (auto& conference : conferences)
            conferences_.emplace(conference.id, std::move(conference));
    }

    // nullptr when there is none. Valid as long as the roster.
    const Mdd* mdd(const dtls::Fingerprint& fingerprint) const {
        const auto found = mdds_.find(fingerprint);
        return found == mdds_.end() ? nullptr : &found->second;
    }
    const Conference* conference(const tunnel::ConferenceId& id) const {
        const auto found = conferences_.find(id);
        return found == conferences_.end() ? nullptr : &found->second;
    }

  private:
    std::map<dtls::Fingerprint, Mdd> mdds_;
    std::map<tunnel::ConferenceId, Conference> conferences_;
};

}  // namespace mdd::kmf
