// DTLS datagrams that are well-formed as far as control looks: headers, hellos and cookies.
#pragma once

#include <cstdint>
#include <vector>

namespace mdd::test {

// Record and handshake headers around `body`: epoch 0, message 0, one fragment.
inline std::vector<std::uint8_t> handshake_datagram(std::uint8_t type,
                                                    const std::vector<std::uint8_t>& body) {
    const auto length = static_cast<std::uint8_t>(body.size());
    std::vector<std::uint8_t> datagram{
        22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(length + 12)};
    datagram.insert(datagram.end(), {type, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, length});
    datagram.insert(datagram.end(), body.begin(), body.end());
    return datagram;
}

inline std::vector<std::uint8_t> verify_request(const std::vector<std::uint8_t>& cookie) {
    std::vector<std::uint8_t> body{0xfe, 0xff, static_cast<std::uint8_t>(cookie.size())};
    body.insert(body.end(), cookie.begin(), cookie.end());
    return handshake_datagram(3, body);
}

inline std::vector<std::uint8_t> client_hello(const std::vector<std::uint8_t>& cookie) {
    std::vector<std::uint8_t> body{0xfe, 0xfd};
    body.resize(2 + 32, 0xaa);
    body.push_back(0);
    body.push_back(static_cast<std::uint8_t>(cookie.size()));
    body.insert(body.end(), cookie.begin(), cookie.end());
    body.insert(body.end(), {0, 2, 0xc0, 0x2b, 1, 0});
    return handshake_datagram(1, body);
}

// A record of `type` and `epoch` with a body that says nothing.
inline std::vector<std::uint8_t> record(std::uint8_t type, std::uint8_t epoch) {
    return {type, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4};
}

}  // namespace mdd::test
