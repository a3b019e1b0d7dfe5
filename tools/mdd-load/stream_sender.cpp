// Building packets in place.
#include "tools/mdd-load/stream_sender.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "dataplane/srtp/rtp.h"
#include "tools/mdd-endpoint/original_header.h"

namespace mdd::load {
namespace {

constexpr std::uint8_t kEktShort = 0x00;
constexpr auto kNoFullTag = ~std::uint32_t{0};
constexpr std::uint8_t kRtpVersion = 0x80;
constexpr std::uint32_t kAudioTicks = 960;   // 20 ms at 48 kHz
constexpr std::uint32_t kVideoTicks = 3000;  // a frame of 30 in a second at 90 kHz

// What the media says: anything, but not the same in two packets.
alignas(64) constexpr std::array<std::uint8_t, 1500> kMedia = [] {
    std::array<std::uint8_t, 1500> media{};
    for (std::size_t i = 0; i < media.size(); ++i)
        media[i] = static_cast<std::uint8_t>(i * 37 + 11);
    return media;
}();

void write_rtp_header(const Stream& stream, bool marker, std::uint8_t* at) {
    at[0] = kRtpVersion;
    at[1] = static_cast<std::uint8_t>((marker ? 0x80 : 0) | stream.payload_type);
    srtp::store_be16(at + 2, static_cast<std::uint16_t>(stream.next_index));
    srtp::store_be32(at + 4, stream.timestamp);
    srtp::store_be32(at + 8, stream.ssrc);
}

}  // namespace

void StreamSender::seal_inner(Stream& stream, StreamIndex index, srtp::Bytes header,
                              std::uint8_t* sealed) {
    const std::size_t media_bytes = stream.size_bytes - srtp::kTagBytes - 1u;
    if (world_.scenario().conferences.inner == Inner::sealed)
        return srtp::seal(*stream.inner, stream.inner->rtp_nonce(stream.ssrc, stream.next_index),
                          header, srtp::Bytes(kMedia).first(media_bytes), sealed);
    if (stream.repeated.empty()) {
        stream.repeated.resize(media_bytes + srtp::kTagBytes);
        srtp::seal(*stream.inner, stream.inner->rtp_nonce(stream.ssrc, stream.next_index), header,
                   srtp::Bytes(kMedia).first(media_bytes), stream.repeated.data());
    }
    std::copy(stream.repeated.begin(), stream.repeated.end(), sealed);
    // Where the number of the packet would be told from the ciphertext alone.
    srtp::store_be32(sealed, index);
    srtp::store_be32(sealed + 4, static_cast<std::uint32_t>(stream.next_index));
}

void StreamSender::write_tag(Stream& stream, StreamIndex index, std::uint8_t* tag) {
    if (stream.until_full_tag != 0) {
        // With no full tags but at the start it stays above 0.
        if (stream.until_full_tag != kNoFullTag) --stream.until_full_tag;
        *tag = kEktShort;
        return;
    }
    if (stream.tag_roc != stream.next_index >> 16) world_.make_full_tag(index);
    std::ranges::copy(stream.full_tag, tag);
    const auto every = world_.scenario().ekt.full_tag_every;
    if (stream.announcements > 0) --stream.announcements;
    if (stream.announcements == 0) stream.until_full_tag = every == 0 ? kNoFullTag : every - 1;
}

StreamSender::Written StreamSender::write_packet(StreamIndex index, bool ends_frame,
                                                 std::uint8_t* frame) {
    auto& stream = world_.stream(index);
    const auto& key = world_.endpoint(stream.sender).send->rtp;
    auto* rtp = frame + net::kHeaderBytes;
    write_rtp_header(stream, ends_frame && stream.kind == MediaKind::video, rtp);
    const srtp::Bytes header(rtp, srtp::kRtpFixedHeaderBytes);

    const auto inner_bytes = static_cast<std::uint16_t>(stream.size_bytes - 1);
    const auto bytes = next_frame_bytes(stream);
    const auto tag_bytes = next_tag_bytes(stream);
    const auto place = journal_.add({0, stream.next_index, index, stream.run, stream.timestamp,
                                     inner_bytes, static_cast<std::uint8_t>(tag_bytes)});
    auto* inner = journal_.bytes_at(place);
    seal_inner(stream, index, header, inner);
    inner[inner_bytes] = endpoint::kUnchangedHeader;
    auto* payload = rtp + srtp::kRtpFixedHeaderBytes;
    srtp::seal(key, key.rtp_nonce(stream.ssrc, stream.next_index), header,
               srtp::Bytes(inner, stream.size_bytes), payload);
    auto* tag = journal_.tag_at(place);
    write_tag(stream, index, tag);
    std::memcpy(payload + stream.size_bytes + srtp::kTagBytes, tag, tag_bytes);

    net::write_headers(world_.headers_of(stream.sender), frame, bytes - net::kHeaderBytes);
    ++stream.next_index;
    if (ends_frame) stream.timestamp += stream.kind == MediaKind::audio ? kAudioTicks : kVideoTicks;
    return {bytes, place};
}

void StreamSender::prefetch_stream(StreamIndex index) const {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&world_.stream(index));
    __builtin_prefetch(bytes);
    __builtin_prefetch(bytes + sizeof(Stream) - 1);
}

void StreamSender::prefetch_endpoint(StreamIndex index) const {
    const auto sender = world_.stream(index).sender;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&world_.endpoint(sender));
    __builtin_prefetch(bytes);
    __builtin_prefetch(bytes + sizeof(Endpoint) - 1);
    __builtin_prefetch(&world_.headers_of(sender));
}

void StreamSender::prefetch_keys(StreamIndex index) const {
    const auto& stream = world_.stream(index);
    const auto& endpoint = world_.endpoint(stream.sender);
    if (stream.inner && stream.repeated.empty()) stream.inner->prefetch(stream.size_bytes);
    if (endpoint.send) endpoint.send->rtp.prefetch(stream.size_bytes);
}

namespace {

constexpr std::uint8_t kSenderReport = 200, kReceiverReport = 201, kSdes = 202;
constexpr std::size_t kSenderReportBytes = 28, kEmptyReportBytes = 8;
constexpr std::uint8_t kCname = 1, kNote = 7;
constexpr std::string_view kName = "load@mdd";
constexpr std::size_t kNoteBytes = 16;  // endpoint, number, time
// Header, SSRC, CNAME, NOTE, and the zero that ends the list, filled up to words.
constexpr std::size_t kSdesBytes = (8 + 2 + kName.size() + 2 + kNoteBytes + 1 + 3) / 4 * 4;
static_assert(kSenderReportBytes + kSdesBytes <= kMostReportBytes);

void write_rtcp_header(std::uint8_t* at, unsigned count, std::uint8_t type, std::size_t bytes) {
    at[0] = static_cast<std::uint8_t>(kRtpVersion | count);
    at[1] = type;
    srtp::store_be16(at + 2, static_cast<std::uint16_t>(bytes / 4 - 1));
}

struct Reporter {
    std::uint32_t ssrc;
    bool sends;
};
Reporter reporter_of(const Plan& plan, EndpointIndex endpoint) {
    for (const auto kind : {MediaKind::audio, MediaKind::video})
        if (const auto stream = plan.stream_of(endpoint, kind))
            return {plan.ssrc_of(*stream), true};
    return {plan.report_ssrc_of(endpoint), false};
}

}  // namespace

std::size_t write_report_compound(const Plan& plan, EndpointIndex endpoint, std::uint32_t number,
                                  Tsc at, std::uint8_t* compound) {
    const auto reporter = reporter_of(plan, endpoint);
    const auto report_bytes = reporter.sends ? kSenderReportBytes : kEmptyReportBytes;
    std::memset(compound, 0, report_bytes + kSdesBytes);
    write_rtcp_header(compound, 0, reporter.sends ? kSenderReport : kReceiverReport, report_bytes);
    srtp::store_be32(compound + 4, reporter.ssrc);
    if (reporter.sends) srtp::store_be32(compound + 20, number);  // packets sent, so to say
    auto* sdes = compound + report_bytes;
    write_rtcp_header(sdes, 1, kSdes, kSdesBytes);
    srtp::store_be32(sdes + 4, reporter.ssrc);
    sdes[8] = kCname;
    sdes[9] = kName.size();
    std::copy(kName.begin(), kName.end(), sdes + 10);
    auto* note = sdes + 10 + kName.size();
    note[0] = kNote;
    note[1] = kNoteBytes;
    srtp::store_be32(note + 2, endpoint);
    srtp::store_be32(note + 6, number);
    srtp::store_be32(note + 10, static_cast<std::uint32_t>(at >> 32));
    srtp::store_be32(note + 14, static_cast<std::uint32_t>(at));
    return report_bytes + kSdesBytes;
}

std::optional<ReportSays> read_report_compound(const Plan& plan, srtp::Bytes compound) {
    if (compound.size() < kEmptyReportBytes + kSdesBytes || compound.size() > kMostReportBytes)
        return std::nullopt;
    const auto* note = compound.data() + compound.size() - kSdesBytes + 10 + kName.size();
    const ReportSays says{
        srtp::load_be32(note + 2), srtp::load_be32(note + 6),
        std::uint64_t{srtp::load_be32(note + 10)} << 32 | srtp::load_be32(note + 14)};
    if (says.endpoint >= plan.endpoints()) return std::nullopt;
    // Everything else follows from these three.
    std::array<std::uint8_t, kMostReportBytes> made;
    const auto bytes =
        write_report_compound(plan, says.endpoint, says.number, says.at, made.data());
    if (!std::ranges::equal(compound, srtp::Bytes(made).first(bytes))) return std::nullopt;
    return says;
}

std::size_t StreamSender::write_report(EndpointIndex index, Tsc now, std::uint8_t* frame) {
    auto& endpoint = world_.endpoint(index);
    const auto& key = endpoint.send->rtcp();
    std::array<std::uint8_t, kMostReportBytes> compound;
    const auto compound_bytes =
        write_report_compound(world_.plan(), index, endpoint.rtcp_sent++, now, compound.data());
    auto* rtcp = frame + net::kHeaderBytes;
    std::memcpy(rtcp, compound.data(), srtp::kSrtcpClearBytes);
    // E = 1. The AAD is the clear part and this word (RFC 7714 §9.3).
    std::array<std::uint8_t, srtp::kSrtcpClearBytes + srtp::kSrtcpIndexBytes> aad;
    const auto srtcp_index = ++endpoint.rtcp_index;
    std::memcpy(aad.data(), compound.data(), srtp::kSrtcpClearBytes);
    srtp::store_be32(aad.data() + srtp::kSrtcpClearBytes, 0x80000000u | srtcp_index);
    const auto rest = srtp::Bytes(compound).first(compound_bytes).subspan(srtp::kSrtcpClearBytes);
    srtp::seal(key, key.rtcp_nonce(srtp::load_be32(compound.data() + 4), srtcp_index), aad, rest,
               rtcp + srtp::kSrtcpClearBytes);
    const auto sealed_bytes = compound_bytes + srtp::kTagBytes;
    std::memcpy(rtcp + sealed_bytes, aad.data() + srtp::kSrtcpClearBytes, srtp::kSrtcpIndexBytes);
    const auto payload_bytes = sealed_bytes + srtp::kSrtcpIndexBytes;
    net::write_headers(world_.headers_of(index), frame, payload_bytes);
    return net::kHeaderBytes + payload_bytes;
}

}  // namespace mdd::load
