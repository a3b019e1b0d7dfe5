// What of the KMF outlives its process, as values and as bytes. Neither sealed nor on a disk here:
// state_file.h.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kmf-tunnel/secret_bytes.h"
#include "tools/mdd-kmf/admission.h"
#include "tools/mdd-kmf/conference_keys.h"

namespace mdd::kmf {

// An association's name at the KMF. dtls-v1: the MDD's name and its id. rfc9185: the id alone; the
// name is empty.
using AssociationKey = std::pair<std::string, tunnel::AssociationId>;

struct SavedAssociation {
    std::string mdd;  // that speaks for it
    std::vector<std::uint16_t> profiles;
    Admitted admitted;
    tunnel::SecretBytes connection;  // Connection::freeze()
};

struct SavedKeys {
    std::size_t key_bytes = 16;
    ConferenceKeys::Saved keys;                       // made_at is in `made_at` instead
    std::chrono::system_clock::time_point made_at{};  // to the millisecond
};

// One change. nullopt: it is gone.
struct AssociationChange {
    AssociationKey key;
    std::optional<SavedAssociation> now;
};
struct KeysChange {
    tunnel::ConferenceId conference;
    std::optional<SavedKeys> now;
};
using StateChange = std::variant<AssociationChange, KeysChange>;
using StateChanges = std::vector<StateChange>;

tunnel::SecretBytes encode(const StateChanges& changes);
// nullopt: not exactly what encode() gives.
std::optional<StateChanges> decode_changes(srtp::Bytes bytes);

// What all changes so far amount to.
struct SavedState {
    std::map<AssociationKey, SavedAssociation> associations;
    std::map<tunnel::ConferenceId, SavedKeys> conferences;

    void apply(StateChanges&& changes);
};

}  // namespace mdd::kmf
