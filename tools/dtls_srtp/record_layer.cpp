// Sealing and opening of epoch-1 records, the replay window, and the frozen form.
#include "tools/dtls_srtp/record_layer.h"

#include <algorithm>
#include <array>
#include <utility>

#include <openssl/evp.h>

#include "kmf-tunnel/datagram_bio.h"
#include "tools/dtls_srtp/frozen.h"
#include "tools/dtls_srtp/record_state.h"

namespace mdd::dtls {
namespace {

constexpr std::uint64_t kWindow = 64;
constexpr std::string_view kFrozenKind = "mdd DTLS 1.2 record layer 1";
constexpr std::uint8_t kVersion[] = {0xfe, 0xfd};

using CipherCtxPtr = std::unique_ptr<EVP_CIPHER_CTX, tunnel::OpensslFree<EVP_CIPHER_CTX_free>>;

const EVP_CIPHER* cipher_for(std::size_t key_bytes) {
    return key_bytes == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
}

std::array<std::uint8_t, 12> nonce_of(const DirectionKeys& keys,
                                      const std::uint8_t* explicit_part) {
    std::array<std::uint8_t, 12> nonce;
    std::ranges::copy(keys.salt.bytes(), nonce.begin());
    std::copy_n(explicit_part, kExplicitNonceBytes, nonce.begin() + kImplicitNonceBytes);
    return nonce;
}

// Epoch and sequence, type, version, plaintext length (RFC 5246 §6.2.3.3).
std::array<std::uint8_t, 13> associated_data(std::uint8_t type, std::uint64_t sequence,
                                             std::size_t plaintext_bytes) {
    std::array<std::uint8_t, 13> data;
    store_be64(data.data(), 1ULL << 48 | sequence);
    data[8] = type;
    data[9] = kVersion[0];
    data[10] = kVersion[1];
    srtp::store_be16(&data[11], static_cast<std::uint16_t>(plaintext_bytes));
    return data;
}

}  // namespace

Datagram seal_record(const DirectionKeys& keys, std::size_t key_bytes, std::uint8_t type,
                     std::uint64_t sequence, std::uint64_t nonce, srtp::Bytes plaintext) {
    const auto fragment_bytes = plaintext.size() + kSealBytes;
    Datagram record(tunnel::kRecordHeaderBytes + fragment_bytes);
    store_be64(&record[3], 1ULL << 48 | sequence);
    record[0] = type;
    record[1] = kVersion[0];
    record[2] = kVersion[1];
    srtp::store_be16(&record[11], static_cast<std::uint16_t>(fragment_bytes));
    auto* explicit_part = &record[tunnel::kRecordHeaderBytes];
    store_be64(explicit_part, nonce);
    auto* sealed = explicit_part + kExplicitNonceBytes;

    const auto full_nonce = nonce_of(keys, explicit_part);
    const auto data = associated_data(type, sequence, plaintext.size());
    const CipherCtxPtr context(EVP_CIPHER_CTX_new());
    int done = 0;
    const bool good =
        context != nullptr &&
        EVP_EncryptInit_ex(context.get(), cipher_for(key_bytes), nullptr,
                           keys.key.first(key_bytes).data(), full_nonce.data()) == 1 &&
        EVP_EncryptUpdate(context.get(), nullptr, &done, data.data(), data.size()) == 1 &&
        EVP_EncryptUpdate(context.get(), sealed, &done, plaintext.data(),
                          static_cast<int>(plaintext.size())) == 1 &&
        EVP_EncryptFinal_ex(context.get(), sealed + plaintext.size(), &done) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes,
                            sealed + plaintext.size()) == 1;
    if (!good) record.clear();
    return record;
}

std::optional<tunnel::SecretBytes> open_record(const DirectionKeys& keys, std::size_t key_bytes,
                                               const tunnel::Record& record) {
    if (record.epoch != 1 || record.fragment.size() < kSealBytes ||
        record.fragment.size() > tunnel::kMaxRecordBytes + kSealBytes ||
        !std::ranges::equal(record.whole.subspan(1, 2), kVersion))
        return std::nullopt;
    const auto sealed = record.fragment.subspan(kExplicitNonceBytes);
    const auto ciphertext = sealed.first(sealed.size() - kTagBytes);
    std::array<std::uint8_t, kTagBytes> tag;
    std::ranges::copy(sealed.last(kTagBytes), tag.begin());

    const auto nonce = nonce_of(keys, record.fragment.data());
    const auto data =
        associated_data(static_cast<std::uint8_t>(record.type), record.sequence, ciphertext.size());
    tunnel::SecretBytes plaintext(ciphertext.size());
    const CipherCtxPtr context(EVP_CIPHER_CTX_new());
    std::uint8_t none = 0;
    int done = 0;
    const bool good =
        context != nullptr &&
        EVP_DecryptInit_ex(context.get(), cipher_for(key_bytes), nullptr,
                           keys.key.first(key_bytes).data(), nonce.data()) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1 &&
        EVP_DecryptUpdate(context.get(), nullptr, &done, data.data(), data.size()) == 1 &&
        EVP_DecryptUpdate(context.get(), plaintext.writable().data(), &done, ciphertext.data(),
                          static_cast<int>(ciphertext.size())) == 1 &&
        EVP_DecryptFinal_ex(context.get(), &none, &done) == 1;
    if (!good) return std::nullopt;
    return plaintext;
}

bool RecordLayer::State::is_new(std::uint64_t sequence) const {
    if (sequence > newest_received) return true;
    const auto age = newest_received - sequence;
    return age < kWindow && (received >> age & 1) == 0;
}

void RecordLayer::State::mark(std::uint64_t sequence) {
    if (sequence > newest_received) {
        const auto step = sequence - newest_received;
        received = step < kWindow ? received << step : 0;
        newest_received = sequence;
    }
    received |= 1ULL << (newest_received - sequence);
}

RecordLayer::RecordLayer(std::unique_ptr<State> state) : state_(std::move(state)) {}
RecordLayer::RecordLayer(RecordLayer&&) noexcept = default;
RecordLayer& RecordLayer::operator=(RecordLayer&&) noexcept = default;
RecordLayer::~RecordLayer() = default;

Datagram RecordLayer::seal(std::uint8_t content_type, srtp::Bytes plaintext) {
    if (!state_ || state_->next_sequence >= kSequenceLimit) return {};
    // Both are spent whatever happens next.
    const auto sequence = state_->next_sequence++;
    const auto nonce = ++state_->last_nonce;
    return seal_record(state_->write, state_->key_bytes, content_type, sequence, nonce, plaintext);
}

std::uint64_t RecordLayer::next_sequence() const {
    return state_ ? state_->next_sequence : kSequenceLimit;
}

std::optional<RecordLayer::Opened> RecordLayer::open(const tunnel::Record& record) {
    if (!state_ || !state_->is_new(record.sequence)) return std::nullopt;
    auto plaintext = open_record(state_->read, state_->key_bytes, record);
    if (!plaintext) return std::nullopt;
    state_->mark(record.sequence);
    return Opened{static_cast<std::uint8_t>(record.type), record.sequence, std::move(*plaintext)};
}

tunnel::SecretBytes RecordLayer::freeze() const {
    if (!state_) return {};
    FrozenWriter writer(kFrozenKind);
    for (const auto* keys : {&state_->write, &state_->read}) {
        writer.block(keys->key.first(state_->key_bytes));
        writer.block(keys->salt.bytes());
    }
    for (auto number :
         {state_->next_sequence, state_->last_nonce, state_->newest_received, state_->received})
        writer.number(number);
    return writer.finish();
}

std::optional<RecordLayer> RecordLayer::thaw(srtp::Bytes frozen, std::uint64_t skip) {
    FrozenReader reader(kFrozenKind, frozen);
    const auto write_key = reader.block();
    const auto write_salt = reader.block_of(kImplicitNonceBytes);
    const auto read_key = reader.block_of(write_key.size());
    const auto read_salt = reader.block_of(kImplicitNonceBytes);
    auto state = std::make_unique<State>();
    state->next_sequence = reader.number_up_to(kSequenceLimit);
    state->last_nonce = reader.number();
    state->newest_received = reader.number_up_to(kSequenceLimit);
    state->received = reader.number();
    if (!reader.done() || (write_key.size() != 16 && write_key.size() != 32)) return std::nullopt;
    state->key_bytes = write_key.size();
    state->write = {srtp::Secret<32>(write_key), srtp::Secret<kImplicitNonceBytes>(write_salt)};
    state->read = {srtp::Secret<32>(read_key), srtp::Secret<kImplicitNonceBytes>(read_salt)};
    // A skip past the end leaves a layer that seals nothing.
    state->next_sequence += std::min(skip, kSequenceLimit - state->next_sequence);
    state->last_nonce += skip;
    return RecordLayer(std::move(state));
}

}  // namespace mdd::dtls
