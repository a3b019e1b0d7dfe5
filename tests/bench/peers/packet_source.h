// The senders of many conferences, one each: valid SRTP packets whose index never repeats, and what
// a receiver must find in them. Sends nothing.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "dataplane/srtp/aead.h"
#include "dataplane/srtp/keys.h"

namespace mdd::bench {

// How many, and whose master key has which number. Keys are numbered so that nobody need keep them.
struct Layout {
    std::size_t conferences;
    std::size_t receivers;  // of each conference, besides its sender

    // Conferences of so many receivers, `keys` receivers in all; one conference at least.
    static Layout of(std::size_t keys, std::size_t receivers) {
        return {std::max<std::size_t>(1, keys / receivers), receivers};
    }
    std::size_t keys() const { return conferences * receivers; }
    std::size_t sender_key(std::size_t conference) const { return keys() + conference; }
    std::size_t receiver_key(std::size_t conference, std::size_t receiver) const {
        return conference * receivers + receiver;
    }
};
srtp::MasterKey master_key(std::size_t number);

class PacketSource {
  public:
    // `size_bytes`: of RTP payload, at least 8.
    PacketSource(const Layout& layout, std::size_t size_bytes);

    std::size_t wire_bytes() const { return rtp_.size() + srtp::kTagBytes; }
    // Writes the next packet of a conference, wire_bytes() long.
    void write(std::size_t conference, std::uint8_t* packet);
    // The conference that a packet belongs to, by its SSRC; any number when it is none of ours.
    static std::size_t conference_of(const std::uint8_t* packet) {
        return srtp::load_be32(packet + 8) - kFirstSsrc;
    }
    std::uint64_t written() const { return written_; }

    // Throws std::runtime_error unless `wire` opens under a receiver's key, with IPsec-MB whoever
    // sealed it, and is one of the last thousands of packets that its conference was sent.
    void expect_opens(std::size_t conference, std::size_t receiver, srtp::Bytes wire);

  private:
    static constexpr std::uint32_t kFirstSsrc = 0x50000000;

    // The packet as it is before sealing; valid until the next call.
    srtp::Bytes rtp(std::size_t conference, std::uint64_t index);

    Layout layout_;
    std::vector<std::uint8_t> rtp_;
    std::vector<std::unique_ptr<const srtp::AeadKey>> keys_;
    std::vector<std::uint64_t> next_;
    std::uint64_t written_ = 0;
};

}  // namespace mdd::bench
