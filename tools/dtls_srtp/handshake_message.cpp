// Handshake headers, and fragments laid into the message they belong to.
#include "tools/dtls_srtp/handshake_message.h"

#include <algorithm>

namespace mdd::dtls {
namespace {

std::uint32_t load_be24(const std::uint8_t* p) {
    return static_cast<std::uint32_t>(p[0]) << 16 | srtp::load_be16(p + 1);
}

void store_be24(std::uint8_t* p, std::size_t v) {
    p[0] = static_cast<std::uint8_t>(v >> 16);
    srtp::store_be16(p + 1, static_cast<std::uint16_t>(v));
}

}  // namespace

std::optional<HandshakeFragment> FragmentWalk::next() {
    if (rest_.size() < kHandshakeHeaderBytes) return std::nullopt;
    const auto* header = rest_.data();
    const auto message_bytes = load_be24(header + 1);
    const auto offset = load_be24(header + 6);
    const auto part_bytes = load_be24(header + 9);
    // Both are below 2^24, so their sum cannot wrap.
    if (offset + part_bytes > message_bytes || part_bytes > rest_.size() - kHandshakeHeaderBytes)
        return std::nullopt;
    // Of a message with a body an empty part says nothing, and nobody sends one.
    if (part_bytes == 0 && message_bytes > 0) return std::nullopt;
    const auto part = rest_.subspan(kHandshakeHeaderBytes, part_bytes);
    rest_ = rest_.subspan(kHandshakeHeaderBytes + part_bytes);
    return HandshakeFragment{header[0], message_bytes, srtp::load_be16(header + 4), offset, part};
}

tunnel::SecretBytes encode_handshake(std::uint8_t type, std::uint16_t message_seq,
                                     srtp::Bytes body) {
    tunnel::SecretBytes message(kHandshakeHeaderBytes + body.size());
    auto* header = message.writable().data();
    header[0] = type;
    store_be24(header + 1, body.size());
    srtp::store_be16(header + 4, message_seq);
    store_be24(header + 6, 0);
    store_be24(header + 9, body.size());
    std::ranges::copy(body, header + kHandshakeHeaderBytes);
    return message;
}

Reassembly::Partial& Reassembly::place_for(const HandshakeFragment& fragment) {
    const auto has_number = [&](const Partial& partial) {
        return partial.message_seq == fragment.message_seq;
    };
    auto place = std::ranges::find_if(partials_, has_number);
    if (place == partials_.end() && partials_.size() == kMessages)
        place = std::ranges::min_element(partials_, [](const Partial& one, const Partial& other) {
            return is_later_message(other.message_seq, one.message_seq);
        });
    const auto contradicts = [&](const Partial& partial) {
        if (partial.body.size() != fragment.message_bytes) return true;
        for (std::size_t i = 0; i < fragment.part.size(); ++i)
            if (partial.present[fragment.offset + i] &&
                partial.body.bytes()[fragment.offset + i] != fragment.part[i])
                return true;
        return false;
    };
    if (place != partials_.end() && has_number(*place) && !contradicts(*place)) return *place;
    Partial fresh{fragment.message_seq,
                  tunnel::SecretBytes(fragment.message_bytes),
                  std::vector<bool>(fragment.message_bytes),
                  fragment.message_bytes,
                  {}};
    if (place == partials_.end()) return partials_.emplace_back(std::move(fresh));
    return *place = std::move(fresh);
}

std::optional<Reassembly::Message> Reassembly::add(const HandshakeFragment& fragment,
                                                   const RecordNumber& record) {
    if (fragment.message_bytes > max_message_bytes_) return std::nullopt;
    auto& partial = place_for(fragment);
    for (std::size_t i = 0; i < fragment.part.size(); ++i) {
        const auto at = fragment.offset + i;
        if (!partial.present[at]) --partial.missing_bytes;
        partial.present[at] = true;
        partial.body.writable()[at] = fragment.part[i];
    }
    if (partial.records.size() == kRecordsRemembered)
        partial.records.erase(partial.records.begin());
    partial.records.push_back(record);
    if (partial.missing_bytes > 0) return std::nullopt;
    Message message{partial.message_seq, std::move(partial.body), std::move(partial.records)};
    partials_.erase(partials_.begin() + (&partial - partials_.data()));
    return message;
}

void Reassembly::forget_through(std::uint16_t message_seq) {
    std::erase_if(partials_, [&](const Partial& partial) {
        return !is_later_message(partial.message_seq, message_seq);
    });
}

}  // namespace mdd::dtls
