// What the key distributor did, for a log and an audit: values only, never key bytes.
#pragma once

#include <optional>
#include <string>

#include "kmf-tunnel/ids.h"
#include "tools/mdd-kmf/outcome.h"

namespace mdd::kmf {

// About an association, unless said otherwise.
struct Notice {
    enum class Kind {
        keyed,           // handshake complete, keys on their way to the MDD
        refused,         // see `refusal`
        displaced,       // ended: the endpoint completed a newer association
        closed,          // ended by the endpoint's close_notify
        failed,          // ended by a fatal alert, see `alert`
        put_out,         // ended by us: no longer admitted
        disconnected,    // ended by its MDD
        restored,        // goes on after a restart
        rekeyed,         // of a conference: a new EKT key, see `cause`, `spi` and `members`
        spis_used_up,    // of a conference: every member has to join anew
        ekt_refused,     // the endpoint cannot process the key `spi`, see `alert`
        ekt_unanswered,  // the endpoint has not acknowledged the key `spi`
        keys_sent,       // builds with MDD_AUDIT only: keys went to the MDD; see `keys_sha256`
    };
    Kind kind{};
    std::string mdd{};
    tunnel::AssociationId association{};
    tunnel::ConferenceId conference{};
    std::string endpoint{};  // its id, empty when not known
    std::optional<Refusal> refusal{};
    std::optional<RekeyCause> cause{};
    std::optional<std::uint16_t> spi{};
    std::optional<std::uint8_t> alert{};
    std::size_t members = 0;
    std::string keys_sha256{};  // hex; client key ‖ server key ‖ client salt ‖ server salt as sent
};

}  // namespace mdd::kmf
