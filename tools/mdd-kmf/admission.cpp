// The rules by which a tls-id, a profile list and a certificate make a member.
#include "tools/mdd-kmf/admission.h"

#include <algorithm>

namespace mdd::kmf {
namespace {

using TlsId = std::optional<std::string>;

// RFC 9185 §5.4: the ClientHello's id must be that of the endpoint's SDP. dtls-v1 knows no such
// rule; there a configured id only has to match when one is sent.
bool tls_id_fits(const Conference& conference, tunnel::Dialect dialect, const Endpoint& endpoint,
                 const TlsId& sent) {
    const bool is_known = sent && !endpoint.tls_id.empty();
    if (is_known) return *sent == endpoint.tls_id;
    return dialect == tunnel::Dialect::dtls_v1 || !conference.require_tls_id;
}

bool fits_some_endpoint(const Conference& conference, tunnel::Dialect dialect, const TlsId& sent) {
    return std::ranges::any_of(conference.endpoints, [&](const auto& listed) {
        return tls_id_fits(conference, dialect, listed.second, sent);
    });
}

bool ekt_suffices(const Conference& conference, bool has_ekt) {
    return has_ekt || !conference.uses_ekt() || !conference.require_ekt;
}

std::optional<Refusal> objection(const Conference& conference, tunnel::Dialect dialect,
                                 const dtls::Fingerprint& certificate, const TlsId& sent) {
    const auto* endpoint = conference.endpoint(certificate);
    if (endpoint == nullptr) return Refusal::unknown_certificate;
    if (!tls_id_fits(conference, dialect, *endpoint, sent)) return Refusal::wrong_tls_id;
    return std::nullopt;
}

}  // namespace

bool still_admits(const Roster& roster, const std::string& mdd, tunnel::Dialect dialect,
                  const Admitted& admitted) {
    const auto* speaker = roster.mdd(mdd);
    const auto* conference = roster.conference(admitted.conference);
    return speaker && speaker->serves(admitted.conference) && conference &&
           conference->profile == admitted.profile && ekt_suffices(*conference, admitted.has_ekt) &&
           !objection(*conference, dialect, admitted.endpoint, admitted.tls_id);
}

std::vector<const Conference*> Admission::candidates() const {
    const auto* mdd = roster_.mdd(asked_.mdd);
    if (mdd == nullptr) return {};
    std::vector<const Conference*> found;
    const auto add = [&](const Conference* conference) {
        if (conference && mdd->serves(conference->id)) found.push_back(conference);
    };
    if (asked_.conference) {
        add(roster_.conference(*asked_.conference));
        return found;
    }
    if (admitted_.tls_id) add(roster_.conference_of(*admitted_.tls_id));
    if (found.empty()) std::ranges::for_each(roster_.open_conferences(), add);
    return found;
}

std::optional<Refusal> Admission::judge_hello(const HelloOffer& offer) {
    admitted_.tls_id = offer.tls_id;
    auto possible = candidates();
    // With a named conference an unknown id might be anybody's without one.
    std::erase_if(possible, [&](const auto* conference) {
        return (offer.tls_id || asked_.dialect == tunnel::Dialect::rfc9185) &&
               !conference->endpoints.empty() &&
               !fits_some_endpoint(*conference, asked_.dialect, offer.tls_id);
    });
    if (possible.empty()) return Refusal::wrong_tls_id;

    const auto chosen = std::ranges::find_if(offer.profiles, [&](std::uint16_t number) {
        return std::ranges::find(asked_.mdd_profiles, number) != asked_.mdd_profiles.end() &&
               std::ranges::any_of(possible, [&](const auto* conference) {
                   return static_cast<std::uint16_t>(conference->profile) == number;
               });
    });
    if (chosen == offer.profiles.end()) return Refusal::no_common_profile;
    std::erase_if(possible, [&](const auto* conference) {
        return static_cast<std::uint16_t>(conference->profile) != *chosen;
    });
    admitted_.profile = possible.front()->profile;
    own_tls_id_ = possible.size() == 1 ? possible.front()->own_tls_id() : "";
    admitted_.has_ekt =
        possible.front()->uses_ekt() &&
        std::ranges::find(offer.ekt_ciphers, dtls::ekt_cipher_for(admitted_.profile)) !=
            offer.ekt_ciphers.end();
    const bool suffices = std::ranges::any_of(possible, [&](const auto* conference) {
        return ekt_suffices(*conference, admitted_.has_ekt);
    });
    return suffices ? std::nullopt : std::optional(Refusal::no_ekt);
}

std::optional<Refusal> Admission::judge_certificate(const dtls::Fingerprint& certificate) {
    admitted_.endpoint = certificate;
    auto worst = Refusal::unknown_certificate;
    for (const auto* conference : candidates()) {
        if (conference->profile != admitted_.profile ||
            !ekt_suffices(*conference, admitted_.has_ekt))
            continue;
        const auto refusal = objection(*conference, asked_.dialect, certificate, admitted_.tls_id);
        if (!refusal) {
            admitted_.conference = conference->id;
            return std::nullopt;
        }
        if (*refusal == Refusal::wrong_tls_id) worst = *refusal;
    }
    return worst;
}

}  // namespace mdd::kmf
