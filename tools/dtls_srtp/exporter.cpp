// The exporter and its split: client key, server key, client salt, server salt; inner before outer
// in each.
#include "tools/dtls_srtp/exporter.h"

#include <string_view>

#include <openssl/ssl.h>

#include "tools/dtls_srtp/profile_list.h"

namespace mdd::dtls {
namespace {

srtp::MasterKey master_key(srtp::Bytes key, srtp::Bytes salt) {
    return {srtp::Secret<srtp::kMaxHopKeyBytes>(key), srtp::Secret<srtp::kHopSaltBytes>(salt)};
}

}  // namespace

std::optional<ExportedKeys> split_exported(srtp::Profile profile, srtp::Bytes exported) {
    if (exported.size() != export_bytes(profile)) return std::nullopt;
    const auto& traits = srtp::traits_of(profile);
    const auto key_bytes = traits.full_key_bytes();
    const auto salt_bytes = traits.full_salt_bytes();
    const auto client_key = exported.first(key_bytes);
    const auto server_key = exported.subspan(key_bytes, key_bytes);
    const auto client_salt = exported.subspan(2 * key_bytes, salt_bytes);
    const auto server_salt = exported.last(salt_bytes);

    const auto hop_key = traits.hop_key_bytes;
    const auto hop_salt = srtp::kHopSaltBytes;
    ExportedKeys keys;
    keys.hop.profile = profile;
    keys.hop.client_write = master_key(client_key.last(hop_key), client_salt.last(hop_salt));
    keys.hop.server_write = master_key(server_key.last(hop_key), server_salt.last(hop_salt));
    if (traits.is_double) {
        keys.client_inner = master_key(client_key.first(hop_key), client_salt.first(hop_salt));
        keys.server_inner = master_key(server_key.first(hop_key), server_salt.first(hop_salt));
    }
    return keys;
}

std::optional<ExportedKeys> export_keys(SSL* ssl) {
    const auto profile = selected_srtp_profile(ssl);
    if (!profile) return std::nullopt;
    constexpr std::string_view kLabel = "EXTRACTOR-dtls_srtp";
    srtp::Secret<kMaxExportBytes> exported;
    const auto size_bytes = export_bytes(*profile);
    if (SSL_export_keying_material(ssl, exported.writable().data(), size_bytes, kLabel.data(),
                                   kLabel.size(), nullptr, 0, 0) != 1)
        return std::nullopt;
    return split_exported(*profile, exported.first(size_bytes));
}

}  // namespace mdd::dtls
