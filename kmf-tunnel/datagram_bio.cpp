// The datagram BIO's method table, and the text of OpenSSL's error queue.
#include "kmf-tunnel/datagram_bio.h"

#include <openssl/err.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "kmf-tunnel/record.h"

namespace mdd::tunnel {
namespace {

DatagramPort& port_of(BIO* bio) {
    return *static_cast<DatagramPort*>(BIO_get_data(bio));
}

int read_datagram(BIO* bio, char* buffer, int size_bytes) {
    DatagramPort& port = port_of(bio);
    BIO_clear_retry_flags(bio);
    if (port.has_datagram && has_impossible_record(port.in)) {
        ++port.impossible;
        port.withdraw();
    }
    if (!port.has_datagram || size_bytes <= 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    const std::size_t taken = std::min(port.in.size(), static_cast<std::size_t>(size_bytes));
    if (taken > 0) std::memcpy(buffer, port.in.data(), taken);
    port.withdraw();
    return static_cast<int>(taken);
}

int write_datagram(BIO* bio, const char* bytes, int size_bytes) {
    BIO_clear_retry_flags(bio);
    if (size_bytes <= 0) return 0;
    const DatagramPort& port = port_of(bio);
    if (port.out)
        port.out(
            {reinterpret_cast<const std::uint8_t*>(bytes), static_cast<std::size_t>(size_bytes)});
    return size_bytes;
}

long control(BIO* bio, int command, long, void*) {
    switch (command) {
        case BIO_CTRL_FLUSH:
            return 1;
        case BIO_CTRL_DGRAM_QUERY_MTU:
        case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
            return static_cast<long>(port_of(bio).mtu_bytes);
        default:
            return 0;
    }
}

const BIO_METHOD* datagram_method() {
    static BIO_METHOD* const method = [] {
        BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "mdd datagram");
        if (made == nullptr)
            throw std::runtime_error("OpenSSL cannot make a BIO method: out of memory.");
        BIO_meth_set_read(made, read_datagram);
        BIO_meth_set_write(made, write_datagram);
        BIO_meth_set_ctrl(made, control);
        return made;
    }();
    return method;
}

}  // namespace

BioPtr make_datagram_bio(DatagramPort& port) {
    BioPtr bio(BIO_new(datagram_method()));
    if (!bio) throw std::runtime_error("OpenSSL cannot make a BIO: out of memory.");
    BIO_set_data(bio.get(), &port);
    BIO_set_init(bio.get(), 1);
    return bio;
}

void attach_datagram_bio(SSL* ssl, DatagramPort& port) {
    BIO* bio = make_datagram_bio(port).release();
    SSL_set_bio(ssl, bio, bio);
    SSL_set_options(ssl, SSL_OP_NO_QUERY_MTU);
    SSL_set_mtu(ssl, static_cast<long>(port.mtu_bytes));
}

std::string openssl_error_text() {
    std::string text;
    while (const unsigned long code = ERR_get_error()) {
        const char* reason = ERR_reason_error_string(code);
        if (!text.empty()) text += "; ";
        text += reason != nullptr ? reason : "error " + std::to_string(code);
    }
    return text.empty() ? "no OpenSSL error" : text;
}

}  // namespace mdd::tunnel
