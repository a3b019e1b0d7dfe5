// The codec of draft-jones-perc-dtls-tunnel-00 §6. Every length is checked before it is used;
// nothing else is.
#include "kmf-tunnel/message.h"

#include <algorithm>

#include "kmf-tunnel/wire.h"

namespace mdd::tunnel {
namespace {

constexpr std::size_t kFixedBytes = 2 + 16 + 16 + 1;
constexpr std::size_t kMaxVectorBytes = 0xffff;
constexpr std::uint8_t kMajor = 1;
constexpr std::uint8_t kMinor = 0;

enum class WireType : std::uint8_t { empty = 0, supported_profiles = 1, srtp_key_information = 2 };

std::optional<DecodeReason> read_profiles(Reader& reader, SupportedProfiles& body) {
    const auto list = reader.take_vector16();
    if (!list || list->empty() || list->size() % 2 != 0 || list->size() > 2 * kMaxProfiles)
        return DecodeReason::profile_list;
    for (std::size_t i = 0; i < list->size(); i += 2)
        body.profiles.push_back(srtp::load_be16(list->data() + i));
    const auto mki = reader.take_vector8();
    if (!mki) return DecodeReason::mki;
    body.mki.assign(mki->begin(), mki->end());
    return std::nullopt;
}

std::optional<DecodeReason> read_keys(Reader& reader, KeyInformation& body) {
    const auto profile = reader.take_u16();
    if (!profile) return DecodeReason::too_short;
    body.profile = *profile;
    for (SecretBytes* field :
         {&body.client_key, &body.server_key, &body.client_salt, &body.server_salt}) {
        const auto bytes = reader.take_vector16();
        if (!bytes || bytes->empty()) return DecodeReason::key_or_salt;
        *field = SecretBytes(*bytes);
    }
    return std::nullopt;
}

std::optional<DecodeReason> read_body(Reader& reader, std::uint8_t type, Role receiver,
                                      Message& message) {
    switch (static_cast<WireType>(type)) {
        case WireType::empty:
            return std::nullopt;
        case WireType::supported_profiles:
            if (receiver == Role::mdd) return DecodeReason::wrong_direction;
            return read_profiles(reader, message.body.emplace<SupportedProfiles>());
        case WireType::srtp_key_information:
            if (receiver == Role::kmf) return DecodeReason::wrong_direction;
            return read_keys(reader, message.body.emplace<KeyInformation>());
    }
    return DecodeReason::unknown_type;
}

bool is_key_field(const SecretBytes& field) {
    return field.size() >= 1 && field.size() <= kMaxVectorBytes;
}

// Each body: its type, its size on the wire or nullopt when it has none, and how it is written.
WireType type_of(const Empty&) {
    return WireType::empty;
}
std::optional<std::size_t> size_of(const Empty&) {
    return 0;
}
void write(Writer&, const Empty&) {}

WireType type_of(const SupportedProfiles&) {
    return WireType::supported_profiles;
}
std::optional<std::size_t> size_of(const SupportedProfiles& body) {
    const std::size_t count = body.profiles.size();
    if (count == 0 || count > kMaxProfiles || body.mki.size() > 255) return std::nullopt;
    return 2 + 2 * count + 1 + body.mki.size();
}
void write(Writer& writer, const SupportedProfiles& body) {
    writer.put_u16(2 * body.profiles.size());
    for (const std::uint16_t profile : body.profiles) writer.put_u16(profile);
    writer.put_vector8(body.mki);
}

WireType type_of(const KeyInformation&) {
    return WireType::srtp_key_information;
}
std::optional<std::size_t> size_of(const KeyInformation& body) {
    std::size_t size_bytes = 2;
    for (const SecretBytes* field :
         {&body.client_key, &body.server_key, &body.client_salt, &body.server_salt}) {
        if (!is_key_field(*field)) return std::nullopt;
        size_bytes += 2 + field->size();
    }
    return size_bytes;
}
void write(Writer& writer, const KeyInformation& body) {
    writer.put_u16(body.profile);
    for (const SecretBytes* field :
         {&body.client_key, &body.server_key, &body.client_salt, &body.server_salt})
        writer.put_vector16(field->bytes());
}

// Has no form in this dialect; a size of nullopt keeps it from being written.
WireType type_of(const Disconnect&) {
    return WireType::empty;
}
std::optional<std::size_t> size_of(const Disconnect&) {
    return std::nullopt;
}
void write(Writer&, const Disconnect&) {}

}  // namespace

std::string_view to_string(Dialect dialect) {
    switch (dialect) {
        case Dialect::dtls_v1:
            return "dtls-v1";
        case Dialect::rfc9185:
            return "rfc9185";
    }
    return "unknown";
}

std::string_view to_string(DecodeReason reason) {
    switch (reason) {
        case DecodeReason::too_short:
            return "too_short";
        case DecodeReason::version:
            return "version";
        case DecodeReason::unknown_type:
            return "unknown_type";
        case DecodeReason::wrong_direction:
            return "wrong_direction";
        case DecodeReason::profile_list:
            return "profile_list";
        case DecodeReason::mki:
            return "mki";
        case DecodeReason::key_or_salt:
            return "key_or_salt";
        case DecodeReason::trailing_bytes:
            return "trailing_bytes";
        case DecodeReason::no_dtls:
            return "no_dtls";
    }
    return "unknown";
}

std::optional<SecretBytes> encode(const Message& message) {
    const auto body_bytes =
        std::visit([](const auto& body) { return size_of(body); }, message.body);
    if (!body_bytes || message.dtls.size() > kMaxVectorBytes) return std::nullopt;
    SecretBytes encoded(kFixedBytes + *body_bytes + 2 + message.dtls.size());
    Writer writer(encoded.writable());
    writer.put_u8(kMajor);
    writer.put_u8(kMinor);
    writer.put(message.association.bytes);
    writer.put(message.conference.bytes);
    std::visit(
        [&](const auto& body) {
            writer.put_u8(static_cast<std::size_t>(type_of(body)));
            write(writer, body);
        },
        message.body);
    writer.put_vector16(message.dtls);
    return encoded;
}

std::variant<Message, DecodeError> decode(srtp::Bytes bytes, Role receiver) {
    Reader reader(bytes);
    const auto fixed = reader.take(kFixedBytes);
    if (!fixed) return DecodeError{DecodeReason::too_short};
    if ((*fixed)[0] != kMajor || (*fixed)[1] != kMinor) return DecodeError{DecodeReason::version};
    Message message;
    std::copy_n(fixed->begin() + 2, 16, message.association.bytes.begin());
    std::copy_n(fixed->begin() + 18, 16, message.conference.bytes.begin());
    if (const auto reason = read_body(reader, (*fixed)[34], receiver, message))
        return DecodeError{*reason};
    const auto dtls = reader.take_vector16();
    if (!dtls) return DecodeError{DecodeReason::too_short};
    if (!reader.at_end()) return DecodeError{DecodeReason::trailing_bytes};
    message.dtls.assign(dtls->begin(), dtls->end());
    return message;
}

}  // namespace mdd::tunnel
