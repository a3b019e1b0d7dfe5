// A media distributor for one sender and one receiver on libsrtp2, for tests: opens the outer
// layer, changes what it is told to change, writes the original header block, seals again and puts
// the EKT tag back. Not mdd.
#pragma once

#include <functional>
#include <optional>

#include "tests/unit/endpoint/double_vectors.h"
#include "tools/mdd-endpoint/ekt_tag.h"
#include "tools/mdd-endpoint/original_header.h"

namespace mdd::endpoint::test {

// What the relay writes over; what stays empty stays as the sender wrote it.
struct Change {
    std::optional<std::uint16_t> sequence = {};
    std::optional<std::uint8_t> payload_type = {};
    std::optional<bool> marker = {};
    // Last word over the plaintext of the outer layer, for damage.
    std::function<void(Packet&)> damage = {};
};

class LibsrtpRelay {
  public:
    LibsrtpRelay(const srtp::HopKeys& sender, const srtp::HopKeys& receiver)
        : key_bytes_(srtp::traits_of(sender.profile).hop_key_bytes),
          in_(key_bytes_, sender.client_write, SrtpSession::Direction::inbound),
          out_(key_bytes_, receiver.server_write, SrtpSession::Direction::outbound) {}

    // What the sender's datagram became, or nullopt when its outer layer did not verify.
    std::optional<Packet> forward(const Packet& datagram, const Change& change = {}) {
        auto opened = open(datagram);
        if (!opened) return std::nullopt;
        return seal(*opened, change);
    }

    struct Opened {
        Packet packet;
        Packet tag;
    };
    std::optional<Opened> open(const Packet& datagram) {
        const auto tag = parse_ekt_tag(datagram, 45);
        if (!tag) return std::nullopt;
        const auto cut = datagram.end() - static_cast<std::ptrdiff_t>(tag->size_bytes);
        Opened opened{{datagram.begin(), cut}, {cut, datagram.end()}};
        auto& tracker = received_[rtp_ssrc(datagram)];
        const auto index = tracker.estimate(rtp_sequence(datagram));
        if (!index || in_.unprotect(opened.packet, *index) != Crypto::ok) return std::nullopt;
        tracker.commit(*index);
        return opened;
    }

    Packet seal(Opened opened, const Change& change) {
        auto& packet = opened.packet;
        packet.pop_back();  // the sender's empty block
        std::uint8_t config = 0;
        Packet block;
        if (change.payload_type && *change.payload_type != rtp_payload_type(packet)) {
            block.push_back(rtp_payload_type(packet));
            config |= 0x02;
        }
        if (change.sequence && *change.sequence != rtp_sequence(packet)) {
            block.push_back(packet[2]);
            block.push_back(packet[3]);
            config |= 0x01;
        }
        const bool marker = (packet[1] & 0x80) != 0;
        if (change.marker && *change.marker != marker)
            config = static_cast<std::uint8_t>(config | 0x04 | (marker ? 0x08 : 0));
        block.push_back(config);
        restore_header({0, change.payload_type, change.sequence, change.marker}, packet);
        packet.insert(packet.end(), block.begin(), block.end());
        if (change.damage) change.damage(packet);
        auto& tracker = sent_[rtp_ssrc(packet)];
        const auto index = tracker.estimate(rtp_sequence(packet));
        EXPECT_EQ(out_.protect(packet, index.value_or(0)), Crypto::ok);
        tracker.commit(index.value_or(0));
        packet.insert(packet.end(), opened.tag.begin(), opened.tag.end());
        return packet;
    }

    bool open_rtcp(Packet& packet) { return in_.unprotect_rtcp(packet) == Crypto::ok; }
    void seal_rtcp(Packet& packet) { EXPECT_EQ(out_.protect_rtcp(packet), Crypto::ok); }

  private:
    std::size_t key_bytes_;
    SrtpSession in_;
    SrtpSession out_;
    std::map<std::uint32_t, IndexTracker> received_;
    std::map<std::uint32_t, IndexTracker> sent_;
};

}  // namespace mdd::endpoint::test
