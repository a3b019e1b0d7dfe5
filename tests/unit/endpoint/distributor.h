// KMF and media distributor in one, on a real UDP socket, for tests of the whole endpoint: one DTLS
// server for each address, then everything from one endpoint goes to all others with a sequence
// number of its own. Not mdd.
#pragma once

#include <map>

#include "kmf-tunnel/record.h"
#include "tests/unit/endpoint/conversation.h"
#include "tests/unit/endpoint/key_server.h"
#include "tools/mdd-endpoint/rtcp_packet.h"
#include "tools/mdd-endpoint/udp_socket.h"

namespace mdd::endpoint::test {

class Distributor {
  public:
    Distributor(boost::asio::io_context& loop, const Certificate& identity, srtp::Profile profile)
        : identity_(identity),
          profile_(profile),
          socket_(loop, parse_udp_address("127.0.0.1:0"),
                  [this](srtp::Bytes datagram, const UdpAddress& from, Clock::time_point at) {
                      on_datagram(datagram, from, at);
                  }) {}

    UdpAddress address() const { return socket_.local_address(); }
    void close() { socket_.close(); }

    std::uint64_t rtp_in = 0;
    std::uint64_t failed = 0;
    std::vector<std::pair<UdpAddress, Packet>> rtcp_in;
    std::uint16_t sequence_offset = 1000;  // of what it sends, against what it got

  private:
    struct Peer {
        std::unique_ptr<KeyServer> server;
        HopContext hop;
        bool installed = false;
    };

    void on_datagram(srtp::Bytes datagram, const UdpAddress& from, Clock::time_point at) {
        auto& peer = peers_[from];
        if (datagram[0] < 128) return on_dtls(peer, datagram, from);
        if (!peer.hop.keyed()) {
            ++failed;
            return;
        }
        Packet packet(datagram.begin(), datagram.end());
        is_rtcp(datagram) ? on_rtcp(peer, std::move(packet), from, at)
                          : on_rtp(peer, std::move(packet), at);
    }

    void on_dtls(Peer& peer, srtp::Bytes datagram, const UdpAddress& from) {
        if (!peer.server || (peer.installed && tunnel::is_client_hello_record(datagram))) {
            peer.server = std::make_unique<KeyServer>(identity_, profile_);
            peer.installed = false;
        }
        const auto replies = peer.server->answer(datagram);
        if (peer.server->keys() && !peer.installed) {
            // The endpoint's write keys are what this side reads with.
            const auto& keys = peer.server->keys()->hop;
            peer.hop.install({keys.profile, copy(keys.server_write), copy(keys.client_write)});
            peer.installed = true;
        }
        for (const auto& reply : replies) socket_.send_to(reply, from);
    }

    void on_rtp(Peer& source, Packet packet, Clock::time_point at) {
        const auto tag = parse_ekt_tag(packet, 45);
        if (!tag) return;
        const Packet tail(packet.end() - static_cast<std::ptrdiff_t>(tag->size_bytes),
                          packet.end());
        packet.resize(packet.size() - tag->size_bytes);
        if (source.hop.unprotect(packet, at) != Crypto::ok) {
            ++failed;
            return;
        }
        ++rtp_in;
        packet.pop_back();
        packet.insert(packet.end(), {packet[2], packet[3], 0x01});
        srtp::store_be16(packet.data() + 2,
                         static_cast<std::uint16_t>(rtp_sequence(packet) + sequence_offset));
        for (auto& [address, peer] : peers_) {
            if (&peer == &source || !peer.hop.keyed()) continue;
            Packet copy = packet;
            if (peer.hop.protect(copy) != Crypto::ok) ++failed;
            copy.insert(copy.end(), tail.begin(), tail.end());
            socket_.send_to(copy, address);
        }
    }

    void on_rtcp(Peer& source, Packet packet, const UdpAddress& from, Clock::time_point at) {
        if (source.hop.unprotect_rtcp(packet, at) != Crypto::ok) {
            ++failed;
            return;
        }
        rtcp_in.emplace_back(from, packet);
        for (auto& [address, peer] : peers_) {
            if (&peer == &source || !peer.hop.keyed()) continue;
            Packet copy = packet;
            if (peer.hop.protect_rtcp(copy) != Crypto::ok) ++failed;
            socket_.send_to(copy, address);
        }
    }

    static srtp::MasterKey copy(const srtp::MasterKey& key) {
        return {srtp::Secret<32>(key.key.bytes()), srtp::Secret<12>(key.salt.bytes())};
    }

    const Certificate& identity_;
    srtp::Profile profile_;
    std::map<UdpAddress, Peer> peers_;
    UdpSocket socket_;
};

}  // namespace mdd::endpoint::test
