// KMF and media distributor in one, on a real UDP socket, for tests of the whole endpoint: one DTLS
// server for each address, which hands out the conference's EKT key, then everything from one
// endpoint goes to all others with a sequence number of its own. Whoever was left out of an EKT key
// is still sent everything: a distributor need not be honest. Not mdd.
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

    // Gives everybody but `left_out` the key with this SPI, later joiners included.
    void rekey(std::uint16_t spi, const std::optional<UdpAddress>& left_out = std::nullopt) {
        spi_ = spi;
        for (auto& [address, peer] : peers_)
            if (address != left_out && peer.server->keys())
                send(peer.server->deliver(conference_key(profile_, spi)), address);
    }
    // Says close_notify to everybody.
    void put_all_out() {
        for (auto& [address, peer] : peers_) send(peer.server->close(), address);
    }

    // When the key with this SPI was acknowledged by the last of those who have.
    Clock::time_point last_acknowledged(std::uint16_t spi) const {
        const auto found = acknowledged_at_.find(spi);
        return found == acknowledged_at_.end() ? Clock::time_point{} : found->second.back();
    }
    std::size_t acknowledged_by(std::uint16_t spi) const {
        const auto found = acknowledged_at_.find(spi);
        return found == acknowledged_at_.end() ? 0 : found->second.size();
    }

    bool gives_ekt_key_on_joining = true;
    std::uint64_t rtp_in = 0;
    std::uint64_t failed = 0;
    std::vector<std::pair<UdpAddress, Packet>> rtcp_in;
    std::uint16_t sequence_offset = 1000;  // of what it sends, against what it got

  private:
    struct Peer {
        std::unique_ptr<KeyServer> server;
        std::size_t acknowledged = 0;
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
            peer.acknowledged = 0;
        }
        send(peer.server->answer(datagram), from);
        if (peer.server->keys() && !peer.installed) {
            // The endpoint's write keys are what this side reads with.
            const auto& keys = peer.server->keys()->hop;
            peer.hop.install(
                {keys.profile, copy_of(keys.server_write), copy_of(keys.client_write)});
            peer.installed = true;
            if (srtp::traits_of(profile_).is_double && gives_ekt_key_on_joining)
                send(peer.server->deliver(conference_key(profile_, spi_)), from);
        }
        for (; peer.acknowledged < peer.server->acknowledged().size(); ++peer.acknowledged)
            acknowledged_at_[peer.server->acknowledged()[peer.acknowledged]].push_back(
                Clock::now());
    }

    void send(const KeyServer::Datagrams& datagrams, const UdpAddress& to) {
        for (const auto& datagram : datagrams) socket_.send_to(datagram, to);
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

    const Certificate& identity_;
    srtp::Profile profile_;
    std::uint16_t spi_ = 7;
    std::map<std::uint16_t, std::vector<Clock::time_point>> acknowledged_at_;
    std::map<UdpAddress, Peer> peers_;
    UdpSocket socket_;
};

}  // namespace mdd::endpoint::test
