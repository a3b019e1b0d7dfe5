// The SRTP key derivation as AES counter mode over zeros (RFC 3711 §4.3.3, RFC 6188 §3), by an
// IPsec-MB cipher job.
#include "dataplane/srtp/kdf.h"

#define NO_COMPAT_IMB_API_053
#include <intel-ipsec-mb.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "dataplane/srtp/ipsec_mb.h"

namespace mdd::srtp {
namespace {

constexpr std::size_t kBlockBytes = 16;
constexpr std::size_t kLabelOffset = 7;
constexpr std::size_t kMaxRoundKeyBytes = 15 * kBlockBytes;

enum Label : std::uint8_t { rtp_key = 0, rtp_salt = 2, rtcp_key = 3, rtcp_salt = 5 };

// XORs the AES-CTR keystream from `counter_block` on into `data`.
void apply_keystream(Bytes key, const std::uint8_t* counter_block, MutableBytes data) {
    alignas(16) Secret<kMaxRoundKeyBytes> encrypt_keys;
    alignas(16) Secret<kMaxRoundKeyBytes> decrypt_keys;  // the library makes both or none
    static std::mutex manager_in_use;
    const std::lock_guard lock(manager_in_use);

    IMB_MGR* manager = ipsec_mb_manager();
    (key.size() == 32 ? manager->keyexp_256 : manager->keyexp_128)(
        key.data(), encrypt_keys.writable().data(), decrypt_keys.writable().data());
    IMB_JOB* job = IMB_GET_NEXT_JOB(manager);
    job->cipher_mode = IMB_CIPHER_CNTR;
    job->cipher_direction = IMB_DIR_ENCRYPT;
    job->chain_order = IMB_ORDER_CIPHER_HASH;
    job->hash_alg = IMB_AUTH_NULL;
    job->enc_keys = encrypt_keys.bytes().data();
    job->dec_keys = decrypt_keys.bytes().data();
    job->key_len_in_bytes = key.size();
    job->iv = counter_block;
    job->iv_len_in_bytes = kBlockBytes;
    job->src = data.data();
    job->dst = data.data();
    job->cipher_start_src_offset_in_bytes = 0;
    job->msg_len_to_cipher_in_bytes = data.size();
    IMB_JOB* done = IMB_SUBMIT_JOB(manager);
    if (done == nullptr) done = IMB_FLUSH_JOB(manager);
    if (done == nullptr || done->status != IMB_STATUS_COMPLETED) {
        std::fputs("kdf: IPsec-MB did not complete an AES-CTR job\n", stderr);
        std::abort();
    }
}

}  // namespace

void derive(Bytes master_key, Bytes master_salt, std::uint8_t label, MutableBytes out) {
    Secret<kBlockBytes> block(master_salt);
    block.writable()[kLabelOffset] ^= label;
    std::fill(out.begin(), out.end(), std::uint8_t{0});
    apply_keystream(master_key, block.bytes().data(), out);
}

SessionKeys derive_session_keys(Profile profile, const MasterKey& master) {
    const auto key_bytes = traits_of(profile).hop_key_bytes;
    const auto key = master.key.first(key_bytes);
    const auto salt = master.salt.bytes();
    SessionKeys session;
    session.profile = profile;
    derive(key, salt, Label::rtp_key, session.rtp_key.writable().first(key_bytes));
    derive(key, salt, Label::rtp_salt, session.rtp_salt.writable());
    derive(key, salt, Label::rtcp_key, session.rtcp_key.writable().first(key_bytes));
    derive(key, salt, Label::rtcp_salt, session.rtcp_salt.writable());
    return session;
}

}  // namespace mdd::srtp
