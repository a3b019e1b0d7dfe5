// From a living SSL to a RecordLayer: what forbids it, the key block, and the self-check.
#include <array>
#include <utility>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/ssl.h>

#include "tools/dtls_srtp/record_layer.h"
#include "tools/dtls_srtp/record_state.h"

namespace mdd::dtls {
namespace {

constexpr std::size_t kMasterSecretBytes = 48;
constexpr std::size_t kRandomBytes = 32;

struct Suite {
    std::size_t key_bytes;
    const char* digest;
};

// The AES-GCM suites with the digest that TLS 1.2 pairs them with.
std::optional<Suite> suite_of(const SSL_CIPHER* cipher) {
    if (cipher == nullptr) return std::nullopt;
    const auto* digest = SSL_CIPHER_get_handshake_digest(cipher);
    const int hash = digest != nullptr ? EVP_MD_get_type(digest) : NID_undef;
    switch (SSL_CIPHER_get_cipher_nid(cipher)) {
        case NID_aes_128_gcm:
            if (hash == NID_sha256) return Suite{16, "SHA256"};
            break;
        case NID_aes_256_gcm:
            if (hash == NID_sha384) return Suite{32, "SHA384"};
            break;
        default:
            break;
    }
    return std::nullopt;
}

// Why this SSL has to stay with OpenSSL; empty when nothing speaks against it.
std::string obstacle(SSL* ssl, const RecordTap& tap) {
    if (ssl == nullptr) return "there is no association";
    // Not SSL_is_init_finished(): an ekt_key that OpenSSL has read makes it wait for more of what
    // it takes for a new handshake.
    if (SSL_get_state(ssl) != TLS_ST_OK) return "the handshake is not finished";
    if (SSL_version(ssl) != DTLS1_2_VERSION)
        return std::string("the protocol is ") + SSL_get_version(ssl) + ", not DTLS 1.2";
    if (!suite_of(SSL_get_current_cipher(ssl)))
        return std::string("the cipher ") + SSL_get_cipher_name(ssl) + " is not AES-GCM";
    if (SSL_get_current_compression(ssl) != nullptr) return "the records are compressed";
    // There the server's Finished comes first, and the client would have a flight to repeat.
    if (SSL_session_reused(ssl) == 1) return "the session was resumed";
    if (SSL_get_shutdown(ssl) != 0) return "a shutdown is under way";
    if (SSL_want_write(ssl) || BIO_wpending(SSL_get_wbio(ssl)) > 0)
        return "OpenSSL still holds output";
    if (!tap.is_gapless()) return "a record was sent that was not noted";
    if (tap.sent_finished().empty() || tap.received_finished().empty())
        return "a Finished was not noted";
    return {};
}

// key_block = PRF(master secret, "key expansion", server random, client random): client key, server
// key, client salt, server salt (RFC 5246 §6.3, RFC 5288 §3).
bool derive(SSL* ssl, const Suite& suite, DirectionKeys& client, DirectionKeys& server) {
    srtp::Secret<kMasterSecretBytes> master;
    if (SSL_SESSION_get_master_key(SSL_get0_session(ssl), master.writable().data(),
                                   kMasterSecretBytes) != kMasterSecretBytes)
        return false;
    std::string label = "key expansion";
    std::array<std::uint8_t, kRandomBytes> server_random, client_random;
    SSL_get_server_random(ssl, server_random.data(), server_random.size());
    SSL_get_client_random(ssl, client_random.data(), client_random.size());
    std::string digest = suite.digest;
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master.writable().data(),
                                          kMasterSecretBytes),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, label.data(), label.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, server_random.data(), kRandomBytes),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, client_random.data(), kRandomBytes),
        OSSL_PARAM_construct_end()};

    using KdfPtr = std::unique_ptr<EVP_KDF, tunnel::OpensslFree<EVP_KDF_free>>;
    using KdfCtxPtr = std::unique_ptr<EVP_KDF_CTX, tunnel::OpensslFree<EVP_KDF_CTX_free>>;
    const KdfPtr kdf(EVP_KDF_fetch(nullptr, OSSL_KDF_NAME_TLS1_PRF, nullptr));
    if (!kdf) return false;
    const KdfCtxPtr context(EVP_KDF_CTX_new(kdf.get()));
    srtp::Secret<2 * 32 + 2 * kImplicitNonceBytes> block;
    const auto block_bytes = 2 * suite.key_bytes + 2 * kImplicitNonceBytes;
    if (!context ||
        EVP_KDF_derive(context.get(), block.writable().data(), block_bytes, parameters) != 1)
        return false;

    auto rest = block.first(block_bytes);
    const auto take = [&rest](std::size_t size_bytes) {
        const auto taken = rest.first(size_bytes);
        rest = rest.subspan(size_bytes);
        return taken;
    };
    client.key = srtp::Secret<32>(take(suite.key_bytes));
    server.key = srtp::Secret<32>(take(suite.key_bytes));
    client.salt = srtp::Secret<kImplicitNonceBytes>(take(kImplicitNonceBytes));
    server.salt = srtp::Secret<kImplicitNonceBytes>(take(kImplicitNonceBytes));
    return true;
}

using VerifyData = std::array<std::uint8_t, kVerifyDataBytes>;

// The message_seq of the Finished in `record`, when the keys open it and it holds `expected`.
std::optional<std::uint16_t> checked_finished(const DirectionKeys& keys, std::size_t key_bytes,
                                              const Datagram& record, const VerifyData& expected) {
    const auto parsed = tunnel::RecordWalk(record).next();
    if (!parsed) return std::nullopt;
    const auto plaintext = open_record(keys, key_bytes, *parsed);
    if (!plaintext) return std::nullopt;
    const auto message = FragmentWalk(plaintext->bytes()).next();
    if (!message || message->type != kFinishedHandshake || !message->is_whole() ||
        message->part.size() != kVerifyDataBytes ||
        CRYPTO_memcmp(message->part.data(), expected.data(), kVerifyDataBytes) != 0)
        return std::nullopt;
    return message->message_seq;
}

}  // namespace

std::optional<TakenOver> take_over(tunnel::SslPtr& ssl, const RecordTap& tap, std::string& why) {
    why = obstacle(ssl.get(), tap);
    if (!why.empty()) return std::nullopt;

    const auto suite = *suite_of(SSL_get_current_cipher(ssl.get()));
    const bool is_server = SSL_is_server(ssl.get()) == 1;
    auto state = std::make_unique<RecordLayer::State>();
    state->key_bytes = suite.key_bytes;
    ERR_clear_error();
    const bool derived = is_server ? derive(ssl.get(), suite, state->read, state->write)
                                   : derive(ssl.get(), suite, state->write, state->read);
    if (!derived) {
        why = "the keys cannot be derived: " + tunnel::openssl_error_text();
        return std::nullopt;
    }

    VerifyData ours, theirs;
    const bool has_both =
        SSL_get_finished(ssl.get(), ours.data(), ours.size()) == ours.size() &&
        SSL_get_peer_finished(ssl.get(), theirs.data(), theirs.size()) == theirs.size();
    const auto sent_message =
        has_both ? checked_finished(state->write, state->key_bytes, tap.sent_finished(), ours)
                 : std::nullopt;
    if (!sent_message) {
        why = "the derived keys do not open our own Finished";
        return std::nullopt;
    }
    for (const auto& candidate : tap.received_finished()) {
        const auto received_message =
            checked_finished(state->read, state->key_bytes, candidate, theirs);
        if (!received_message) continue;
        state->next_sequence = tap.sent_records();
        state->last_nonce = tap.last_nonce();
        state->mark(tunnel::RecordWalk(candidate).next()->sequence);
        // Quiet: the association goes on, only not here.
        SSL_set_quiet_shutdown(ssl.get(), 1);
        ssl.reset();
        return TakenOver{RecordLayer(std::move(state)),
                         is_server,
                         tap.last_flight(),
                         candidate,
                         *sent_message,
                         *received_message};
    }
    why = "the derived keys do not open the peer's Finished";
    return std::nullopt;
}

}  // namespace mdd::dtls
