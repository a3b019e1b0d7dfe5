// OpenSSL's custom extension callbacks for 39 and 56, and the values they find through the SSL.
#include "tools/dtls_srtp/hello_extensions.h"

#include <algorithm>
#include <new>
#include <stdexcept>

#include <openssl/ssl.h>

namespace mdd::dtls {
namespace {

constexpr unsigned kContexts = SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO;
constexpr std::size_t kShortestId = 20;
constexpr std::size_t kLongestId = 255;

// Of an add callback and of a parse callback.
constexpr int kLeaveOut = 0;
constexpr int kAdd = 1;
constexpr int kAddFailed = -1;
constexpr int kAccepted = 1;

int values_index() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

HelloValues* values_of(const SSL* ssl) {
    return static_cast<HelloValues*>(SSL_get_ex_data(ssl, values_index()));
}

int refuse(int* alert, int description) {
    *alert = description;
    return 0;
}

// Freed by free_bytes() once OpenSSL has written it.
int give(srtp::Bytes head, srtp::Bytes tail, const unsigned char** out, std::size_t* size_bytes,
         int* alert) {
    auto* bytes = new (std::nothrow) unsigned char[head.size() + tail.size()];
    if (bytes == nullptr) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return kAddFailed;
    }
    std::ranges::copy(tail, std::ranges::copy(head, bytes).out);
    *out = bytes;
    *size_bytes = head.size() + tail.size();
    return kAdd;
}

void free_bytes(SSL*, unsigned, unsigned, const unsigned char* out, void*) {
    delete[] out;
}

// One length byte and at least one byte behind it.
std::optional<srtp::Bytes> short_vector(srtp::Bytes extension) {
    if (extension.size() < 2 || extension[0] != extension.size() - 1) return std::nullopt;
    return extension.subspan(1);
}

int add_ekt(SSL* ssl, unsigned, unsigned, const unsigned char** out, std::size_t* size_bytes, X509*,
            std::size_t, int* alert, void*) {
    const auto* values = values_of(ssl);
    if (values == nullptr) return kLeaveOut;
    if (SSL_is_server(ssl) == 1) {
        if (!values->ekt_cipher) return kLeaveOut;
        const std::uint8_t chosen[] = {static_cast<std::uint8_t>(*values->ekt_cipher)};
        return give(chosen, {}, out, size_bytes, alert);
    }
    if (values->ekt_ciphers.empty()) return kLeaveOut;
    std::vector<std::uint8_t> list{static_cast<std::uint8_t>(values->ekt_ciphers.size())};
    for (auto cipher : values->ekt_ciphers) list.push_back(static_cast<std::uint8_t>(cipher));
    return give(list, {}, out, size_bytes, alert);
}

bool offers(srtp::Bytes list, EktCipher cipher) {
    return std::ranges::find(list, static_cast<std::uint8_t>(cipher)) != list.end();
}

int parse_ekt(SSL* ssl, unsigned, unsigned, const unsigned char* in, std::size_t size_bytes, X509*,
              std::size_t, int* alert, void*) {
    auto* values = values_of(ssl);
    if (values == nullptr) return kAccepted;
    const srtp::Bytes extension(in, size_bytes);
    const auto& ours = values->ekt_ciphers;
    values->ekt_cipher.reset();
    if (SSL_is_server(ssl) == 1) {
        const auto list = short_vector(extension);
        if (!list) return refuse(alert, SSL_AD_DECODE_ERROR);
        const auto chosen =
            std::ranges::find_if(ours, [&](EktCipher cipher) { return offers(*list, cipher); });
        if (chosen != ours.end()) values->ekt_cipher = *chosen;
        return kAccepted;
    }
    if (extension.size() != 1) return refuse(alert, SSL_AD_DECODE_ERROR);
    const auto chosen = static_cast<EktCipher>(extension[0]);
    if (std::ranges::find(ours, chosen) == ours.end())
        return refuse(alert, SSL_AD_ILLEGAL_PARAMETER);
    values->ekt_cipher = chosen;
    return kAccepted;
}

int add_session_id(SSL* ssl, unsigned, unsigned, const unsigned char** out, std::size_t* size_bytes,
                   X509*, std::size_t, int* alert, void*) {
    const auto* values = values_of(ssl);
    if (values == nullptr || values->session_id.empty()) return kLeaveOut;
    const auto& id = values->session_id;
    if (!is_session_id(id)) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return kAddFailed;
    }
    const std::uint8_t length[] = {static_cast<std::uint8_t>(id.size())};
    return give(length, {reinterpret_cast<const std::uint8_t*>(id.data()), id.size()}, out,
                size_bytes, alert);
}

int parse_session_id(SSL* ssl, unsigned, unsigned, const unsigned char* in, std::size_t size_bytes,
                     X509*, std::size_t, int* alert, void*) {
    auto* values = values_of(ssl);
    if (values == nullptr) return kAccepted;
    const auto bytes = short_vector({in, size_bytes});
    if (!bytes || bytes->size() < kShortestId) return refuse(alert, SSL_AD_DECODE_ERROR);
    const std::string id(bytes->begin(), bytes->end());
    if (!is_session_id(id)) return refuse(alert, SSL_AD_ILLEGAL_PARAMETER);
    values->peer_session_id = id;
    if (values->expected_session_id && id != *values->expected_session_id)
        return refuse(alert, SSL_AD_ILLEGAL_PARAMETER);
    return kAccepted;
}

std::optional<srtp::Bytes> vector_in_hello(SSL* ssl, unsigned type) {
    const unsigned char* extension = nullptr;
    std::size_t size_bytes = 0;
    if (SSL_client_hello_get0_ext(ssl, type, &extension, &size_bytes) != 1) return std::nullopt;
    return short_vector({extension, size_bytes});
}

}  // namespace

bool is_session_id(std::string_view text) {
    return text.size() >= kShortestId && text.size() <= kLongestId &&
           std::ranges::all_of(text, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '+' || c == '/' || c == '-' || c == '_';
           });
}

void add_hello_extensions(SSL_CTX* context) {
    if (SSL_CTX_add_custom_ext(context, kEktExtension, kContexts, add_ekt, free_bytes, nullptr,
                               parse_ekt, nullptr) != 1 ||
        SSL_CTX_add_custom_ext(context, kSessionIdExtension, kContexts, add_session_id, free_bytes,
                               nullptr, parse_session_id, nullptr) != 1)
        throw std::runtime_error("OpenSSL does not take the hello extensions 39 and 56.");
}

void bind_hello_values(SSL* ssl, HelloValues& values) {
    if (SSL_set_ex_data(ssl, values_index(), &values) != 1)
        throw std::runtime_error("OpenSSL is out of memory.");
}

std::optional<std::string> session_id_in_hello(SSL* ssl) {
    const auto bytes = vector_in_hello(ssl, kSessionIdExtension);
    if (!bytes) return std::nullopt;
    std::string id(bytes->begin(), bytes->end());
    if (!is_session_id(id)) return std::nullopt;
    return id;
}

bool hello_offers_ekt(SSL* ssl, EktCipher cipher) {
    const auto list = vector_in_hello(ssl, kEktExtension);
    return list && offers(*list, cipher);
}

}  // namespace mdd::dtls
