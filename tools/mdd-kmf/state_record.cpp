// A plain binary form: fixed fields, and lengths of 4 bytes before what varies.
#include "tools/mdd-kmf/state_record.h"

#include <algorithm>
#include <cstring>

namespace mdd::kmf {
namespace {

using srtp::Bytes;

enum class Tag : std::uint8_t { association = 1, association_gone, keys, keys_gone };

// Writes twice: the first time only counts, so that secrets never lie in a buffer that grew.
class Writer {
  public:
    explicit Writer(srtp::MutableBytes into) : into_(into) {}

    void bytes(Bytes some) {
        if (!into_.empty() && !some.empty())
            std::memcpy(into_.data() + used_, some.data(), some.size());
        used_ += some.size();
    }
    template <class T>
    void number(T value) {
        std::uint8_t digits[sizeof(T)];
        for (std::size_t i = 0; i < sizeof(T); ++i)
            digits[i] = static_cast<std::uint8_t>(value >> (8 * (sizeof(T) - 1 - i)));
        bytes(digits);
    }
    void block(Bytes some) {
        number(static_cast<std::uint32_t>(some.size()));
        bytes(some);
    }
    std::size_t used() const { return used_; }

  private:
    srtp::MutableBytes into_;  // empty: only counts
    std::size_t used_ = 0;
};

class ByteReader {
  public:
    explicit ByteReader(Bytes from) : rest_(from) {}

    // Zeros, and !ok(), past the end.
    Bytes bytes(std::size_t size) {
        if (size > rest_.size()) {
            ok_ = false;
            return {};
        }
        const auto taken = rest_.first(size);
        rest_ = rest_.subspan(size);
        return taken;
    }
    template <class T>
    T number() {
        T value = 0;
        for (const auto byte : bytes(sizeof(T))) value = static_cast<T>(value << 8 | byte);
        return value;
    }
    Bytes block() { return bytes(number<std::uint32_t>()); }
    std::string text() {
        const auto some = block();
        return {some.begin(), some.end()};
    }
    template <std::size_t N>
    void fill(std::array<std::uint8_t, N>& into) {
        const auto some = bytes(N);
        if (some.size() == N) std::memcpy(into.data(), some.data(), N);
    }
    void fail() { ok_ = false; }
    bool ok() const { return ok_; }
    bool done() const { return rest_.empty(); }

  private:
    Bytes rest_;
    bool ok_ = true;
};

Bytes as_bytes(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

void write(Writer& out, const AssociationChange& change) {
    out.number(static_cast<std::uint8_t>(change.now ? Tag::association : Tag::association_gone));
    out.block(as_bytes(change.key.first));
    out.bytes(change.key.second.bytes);
    if (!change.now) return;
    const auto& [mdd, profiles, admitted, connection] = *change.now;
    out.block(as_bytes(mdd));
    out.number(static_cast<std::uint16_t>(profiles.size()));
    for (const auto profile : profiles) out.number(profile);
    out.bytes(admitted.conference.bytes);
    out.bytes(admitted.endpoint);
    out.number(static_cast<std::uint16_t>(admitted.profile));
    out.number(static_cast<std::uint8_t>(admitted.has_ekt));
    out.block(as_bytes(admitted.tls_id.value_or("")));
    out.block(connection.bytes());
}

void write(Writer& out, const KeysChange& change) {
    out.number(static_cast<std::uint8_t>(change.now ? Tag::keys : Tag::keys_gone));
    out.bytes(change.conference.bytes);
    if (!change.now) return;
    const auto& keys = change.now->keys;
    const auto made_at = std::chrono::duration_cast<std::chrono::milliseconds>(
        change.now->made_at.time_since_epoch());
    out.number(static_cast<std::uint8_t>(change.now->key_bytes));
    out.bytes(keys.key.key.bytes());
    out.bytes(keys.key.salt.bytes());
    out.number(keys.key.spi);
    out.number(keys.spis_used);
    out.number(static_cast<std::uint8_t>(keys.is_stale));
    out.number(static_cast<std::uint64_t>(made_at.count()));
}

void write_all(Writer& out, const StateChanges& changes) {
    for (const auto& change : changes)
        std::visit([&](const auto& one) { write(out, one); }, change);
}

SavedAssociation read_association(ByteReader& in) {
    SavedAssociation saved;
    saved.mdd = in.text();
    const auto profiles = in.number<std::uint16_t>();
    for (unsigned i = 0; i < profiles && in.ok(); ++i)
        saved.profiles.push_back(in.number<std::uint16_t>());
    in.fill(saved.admitted.conference.bytes);
    in.fill(saved.admitted.endpoint);
    const auto* traits = srtp::find_profile(in.number<std::uint16_t>());
    if (traits)
        saved.admitted.profile = traits->profile;
    else
        in.fail();
    saved.admitted.has_ekt = in.number<std::uint8_t>() != 0;
    if (auto tls_id = in.text(); !tls_id.empty()) saved.admitted.tls_id = std::move(tls_id);
    saved.connection = tunnel::SecretBytes(in.block());
    return saved;
}

SavedKeys read_keys(ByteReader& in) {
    SavedKeys saved;
    saved.key_bytes = in.number<std::uint8_t>();
    if (saved.key_bytes != 16 && saved.key_bytes != 32) in.fail();
    const auto key = in.bytes(32);
    const auto salt = in.bytes(srtp::kHopSaltBytes);
    if (in.ok()) {
        saved.keys.key.key = srtp::Secret<32>(key);
        saved.keys.key.salt = srtp::Secret<srtp::kHopSaltBytes>(salt);
    }
    saved.keys.key.spi = in.number<std::uint16_t>();
    saved.keys.spis_used = in.number<std::uint32_t>();
    saved.keys.is_stale = in.number<std::uint8_t>() != 0;
    // Two hundred years of milliseconds; a clock of nanoseconds holds no more.
    constexpr std::uint64_t kMost = (std::uint64_t{1} << 43) - 1;
    saved.made_at = std::chrono::system_clock::time_point(
        std::chrono::milliseconds(std::min(in.number<std::uint64_t>(), kMost)));
    return saved;
}

}  // namespace

tunnel::SecretBytes encode(const StateChanges& changes) {
    Writer counter({});
    write_all(counter, changes);
    tunnel::SecretBytes made(counter.used());
    Writer writer(made.writable());
    write_all(writer, changes);
    return made;
}

std::optional<StateChanges> decode_changes(Bytes bytes) {
    StateChanges changes;
    ByteReader in(bytes);
    while (in.ok() && !in.done()) {
        const auto tag = static_cast<Tag>(in.number<std::uint8_t>());
        if (tag == Tag::association || tag == Tag::association_gone) {
            AssociationChange change;
            change.key.first = in.text();
            in.fill(change.key.second.bytes);
            if (tag == Tag::association) change.now = read_association(in);
            changes.emplace_back(std::move(change));
        } else if (tag == Tag::keys || tag == Tag::keys_gone) {
            KeysChange change;
            in.fill(change.conference.bytes);
            if (tag == Tag::keys) change.now = read_keys(in);
            changes.emplace_back(std::move(change));
        } else {
            in.fail();
        }
    }
    if (!in.ok()) return std::nullopt;
    return changes;
}

void SavedState::apply(StateChanges&& changes) {
    const auto put = [](auto& map, const auto& key, auto& now) {
        map.erase(key);
        if (now) map.emplace(key, std::move(*now));
    };
    for (auto& change : changes) {
        if (auto* association = std::get_if<AssociationChange>(&change))
            put(associations, association->key, association->now);
        else if (auto* keys = std::get_if<KeysChange>(&change))
            put(conferences, keys->conference, keys->now);
    }
}

}  // namespace mdd::kmf
