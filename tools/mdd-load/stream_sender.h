// Whole frames of an endpoint: RTP with both layers of Double and an EKT tag, and SRTCP
// reports. Writes bytes; knows no port and decides nothing about when.
#pragma once

#include <cstdint>

#include "dataplane/srtp/rtp.h"
#include "tools/mdd-load/journal.h"
#include "tools/mdd-load/world.h"

namespace mdd::load {

inline constexpr std::size_t kEktShortBytes = 1;
// Longest frame of write_report().
inline constexpr std::size_t kReportFrameBytes = 192;

// One thread: each stream's index has one writer.
class StreamSender {
  public:
    StreamSender(World& world, Journal& journal) : world_(world), journal_(journal) {}

    // Bytes of the stream's next frame: a full EKT tag makes one longer than others.
    static std::size_t next_frame_bytes(const Stream& stream) {
        return net::kHeaderBytes + srtp::kRtpFixedHeaderBytes + stream.size_bytes +
               srtp::kTagBytes + next_tag_bytes(stream);
    }

    struct Written {
        std::size_t frame_bytes = 0;
        std::uint32_t place = 0;  // in the journal
    };
    // The stream's next packet. Precondition: its endpoint is present; room for next_frame_bytes().
    // `ends_frame`: the next one has another timestamp. A packet of audio is a frame of its own.
    Written write_packet(StreamIndex stream, bool ends_frame, std::uint8_t* frame);

    // A report of an endpoint, sent at `now`. Precondition: it is present; room for
    // kReportFrameBytes. Returns the frame's bytes.
    std::size_t write_report(EndpointIndex endpoint, Tsc now, std::uint8_t* frame);

    // Brings into the cache what write_packet() will need, in three steps, each of which needs what
    // the step before has brought: the stream, its endpoint, their keys.
    void prefetch_stream(StreamIndex stream) const;
    void prefetch_endpoint(StreamIndex stream) const;
    void prefetch_keys(StreamIndex stream) const;

  private:
    static std::size_t next_tag_bytes(const Stream& stream) {
        return stream.until_full_tag == 0 ? stream.full_tag.size() : kEktShortBytes;
    }
    void write_tag(Stream& stream, StreamIndex index, std::uint8_t* tag);
    void seal_inner(Stream& stream, StreamIndex index, srtp::Bytes header, std::uint8_t* sealed);

    World& world_;
    Journal& journal_;
};

// The decrypted compound of an endpoint: a sender report (or, of who never sends, an empty receiver
// report) and an SDES with its CNAME, number and time of sending. mdd passes both on as they are.
inline constexpr std::size_t kMostReportBytes = 96;
std::size_t write_report_compound(const Plan& plan, EndpointIndex endpoint, std::uint32_t number,
                                  Tsc at, std::uint8_t* compound);
// What a compound like that says of itself; nullopt: it is none.
struct ReportSays {
    EndpointIndex endpoint = 0;
    std::uint32_t number = 0;
    Tsc at = 0;
};
std::optional<ReportSays> read_report_compound(const Plan& plan, srtp::Bytes compound);

}  // namespace mdd::load
