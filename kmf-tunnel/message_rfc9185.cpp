// The codec of RFC 9185 §6. Every length is checked before it is used; nothing else is.
#include "kmf-tunnel/message_rfc9185.h"

#include <algorithm>
#include <array>

#include "kmf-tunnel/wire.h"

namespace mdd::tunnel::rfc9185 {
namespace {

constexpr std::size_t kIdBytes = 16;
constexpr std::size_t kMaxKeyFieldBytes = 0xff;

std::optional<AssociationId> take_id(Reader& reader) {
    const auto bytes = reader.take(kIdBytes);
    if (!bytes) return std::nullopt;
    AssociationId id;
    std::copy(bytes->begin(), bytes->end(), id.bytes.begin());
    return id;
}

Decoded read_announcement(Reader reader) {
    const auto version = reader.take_u8();
    if (!version) return DecodeError{DecodeReason::too_short};
    Announcement announcement{*version, {}};
    if (*version != 0) return announcement;
    const auto list = reader.take_vector16();
    if (!list || list->empty() || list->size() % 2 != 0 || list->size() > 2 * kMaxProfiles)
        return DecodeError{DecodeReason::profile_list};
    if (!reader.at_end()) return DecodeError{DecodeReason::trailing_bytes};
    for (std::size_t i = 0; i < list->size(); i += 2)
        announcement.profiles.push_back(srtp::load_be16(list->data() + i));
    return announcement;
}

Decoded read_unsupported_version(Reader reader) {
    const auto highest = reader.take_u8();
    if (!highest) return DecodeError{DecodeReason::too_short};
    if (!reader.at_end()) return DecodeError{DecodeReason::trailing_bytes};
    return UnsupportedVersion{*highest};
}

Decoded read_media_keys(Reader reader) {
    const auto id = take_id(reader);
    const auto profile = reader.take_u16();
    if (!id || !profile) return DecodeError{DecodeReason::too_short};
    if (!reader.take_vector8()) return DecodeError{DecodeReason::mki};
    Message message{*id, {}, {}, {}};
    auto& keys = message.body.emplace<KeyInformation>();
    keys.profile = *profile;
    for (SecretBytes* field :
         {&keys.client_key, &keys.server_key, &keys.client_salt, &keys.server_salt}) {
        const auto bytes = reader.take_vector8();
        if (!bytes || bytes->empty()) return DecodeError{DecodeReason::key_or_salt};
        *field = SecretBytes(*bytes);
    }
    if (!reader.at_end()) return DecodeError{DecodeReason::trailing_bytes};
    return message;
}

Decoded read_tunneled_dtls(Reader reader) {
    const auto id = take_id(reader);
    const auto dtls = reader.take_vector16();
    if (!id || !dtls) return DecodeError{DecodeReason::too_short};
    if (dtls->empty()) return DecodeError{DecodeReason::no_dtls};
    if (!reader.at_end()) return DecodeError{DecodeReason::trailing_bytes};
    return Message{*id, {}, Empty{}, {dtls->begin(), dtls->end()}};
}

Decoded read_endpoint_disconnect(Reader reader) {
    const auto id = take_id(reader);
    if (!id) return DecodeError{DecodeReason::too_short};
    if (!reader.at_end()) return DecodeError{DecodeReason::trailing_bytes};
    return Message{*id, {}, Disconnect{}, {}};
}

void put_header(Writer& writer, Type type, std::size_t body_bytes) {
    writer.put_u8(static_cast<std::size_t>(type));
    writer.put_u16(body_bytes);
}

// Bytes of a media_keys body; nullopt when a key or salt does not fit.
std::optional<std::size_t> body_bytes_of(const KeyInformation& keys) {
    std::size_t size_bytes = kIdBytes + 2 + 1;
    for (const SecretBytes* field :
         {&keys.client_key, &keys.server_key, &keys.client_salt, &keys.server_salt}) {
        if (field->size() == 0 || field->size() > kMaxKeyFieldBytes) return std::nullopt;
        size_bytes += 1 + field->size();
    }
    return size_bytes;
}

void put_media_keys(Writer& writer, const AssociationId& id, const KeyInformation& keys,
                    std::size_t body_bytes) {
    put_header(writer, Type::media_keys, body_bytes);
    writer.put(id.bytes);
    writer.put_u16(keys.profile);
    writer.put_vector8({});
    for (const SecretBytes* field :
         {&keys.client_key, &keys.server_key, &keys.client_salt, &keys.server_salt})
        writer.put_vector8(field->bytes());
}

void put_tunneled_dtls(Writer& writer, const AssociationId& id, srtp::Bytes dtls) {
    put_header(writer, Type::tunneled_dtls, kIdBytes + 2 + dtls.size());
    writer.put(id.bytes);
    writer.put_vector16(dtls);
}

}  // namespace

Decoded decode(std::uint8_t type, srtp::Bytes body, Role receiver) {
    const Reader reader(body);
    switch (static_cast<Type>(type)) {
        case Type::supported_profiles:
            if (receiver == Role::mdd) return DecodeError{DecodeReason::wrong_direction};
            return read_announcement(reader);
        case Type::unsupported_version:
            if (receiver == Role::kmf) return DecodeError{DecodeReason::wrong_direction};
            return read_unsupported_version(reader);
        case Type::media_keys:
            if (receiver == Role::kmf) return DecodeError{DecodeReason::wrong_direction};
            return read_media_keys(reader);
        case Type::tunneled_dtls:
            return read_tunneled_dtls(reader);
        case Type::endpoint_disconnect:
            return read_endpoint_disconnect(reader);
    }
    if (type == 0) return DecodeError{DecodeReason::unknown_type};
    return Unassigned{};
}

std::optional<SecretBytes> encode(const Announcement& announcement) {
    const std::size_t list_bytes = 2 * announcement.profiles.size();
    if (list_bytes == 0 || announcement.profiles.size() > kMaxProfiles) return std::nullopt;
    const std::size_t body_bytes = 1 + 2 + list_bytes;
    SecretBytes encoded(kHeaderBytes + body_bytes);
    Writer writer(encoded.writable());
    put_header(writer, Type::supported_profiles, body_bytes);
    writer.put_u8(announcement.version);
    writer.put_u16(list_bytes);
    for (const std::uint16_t profile : announcement.profiles) writer.put_u16(profile);
    return encoded;
}

SecretBytes encode(const UnsupportedVersion& answer) {
    SecretBytes encoded(kHeaderBytes + 1);
    Writer writer(encoded.writable());
    put_header(writer, Type::unsupported_version, 1);
    writer.put_u8(answer.highest);
    return encoded;
}

std::optional<SecretBytes> encode(const Message& message, Dtls included) {
    const srtp::Bytes dtls = included == Dtls::included ? srtp::Bytes(message.dtls) : srtp::Bytes{};
    const auto* keys = std::get_if<KeyInformation>(&message.body);
    const bool is_disconnect = std::holds_alternative<Disconnect>(message.body);
    const auto keys_bytes = keys != nullptr ? body_bytes_of(*keys) : std::size_t{0};
    const bool says_nothing = keys == nullptr && !is_disconnect && dtls.empty();
    if (!keys_bytes || says_nothing || dtls.size() > kMaxDtlsBytes ||
        (is_disconnect && !dtls.empty()))
        return std::nullopt;
    std::size_t size_bytes = 0;
    if (keys != nullptr) size_bytes += kHeaderBytes + *keys_bytes;
    if (is_disconnect) size_bytes += kHeaderBytes + kIdBytes;
    if (!dtls.empty()) size_bytes += kHeaderBytes + kIdBytes + 2 + dtls.size();
    SecretBytes encoded(size_bytes);
    Writer writer(encoded.writable());
    if (keys != nullptr) put_media_keys(writer, message.association, *keys, *keys_bytes);
    if (is_disconnect) {
        put_header(writer, Type::endpoint_disconnect, kIdBytes);
        writer.put(message.association.bytes);
    }
    if (!dtls.empty()) put_tunneled_dtls(writer, message.association, dtls);
    return encoded;
}

}  // namespace mdd::tunnel::rfc9185
