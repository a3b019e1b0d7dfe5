// Keys and names of keys with chosen bytes, for tests of what control does with them.
#pragma once

#include <array>
#include <memory>

#include "controlplane/publish.h"
#include "dataplane/srtp/hop.h"
#include "kmf-tunnel/key_fingerprint.h"

namespace mdd::test {

inline srtp::MasterKey master_key(std::uint8_t fill) {
    srtp::MasterKey master;
    for (auto& byte : master.key.writable()) byte = fill;
    for (auto& byte : master.salt.writable()) byte = static_cast<std::uint8_t>(fill ^ 0x5a);
    return master;
}

inline control::KeysetPtr keyset(std::uint8_t fill, std::uint64_t epoch = 1) {
    return srtp::make_keyset(srtp::Profile::double_aes_128_gcm, master_key(fill), epoch);
}

inline control::KeyCopiesPtr key_copies(
    std::uint8_t fill, std::uint64_t epoch = 1,
    const control::Homes& homes = control::Homes::on_one_node(1)) {
    return std::make_shared<const control::KeyCopies>(srtp::Profile::double_aes_128_gcm,
                                                      master_key(fill), epoch, homes);
}

inline srtp::HopKeys hop_keys(std::uint8_t client, std::uint8_t server) {
    srtp::HopKeys keys;
    keys.client_write = master_key(client);
    keys.server_write = master_key(server);
    return keys;
}

// Names as a fingerprinter would give them, one per fill byte.
inline tunnel::KeyNames key_names(std::uint8_t client, std::uint8_t server) {
    tunnel::KeyNames names;
    names.client_write.fill(client);
    names.server_write.fill(server);
    return names;
}

}  // namespace mdd::test
