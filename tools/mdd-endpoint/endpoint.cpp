// Datagrams to their handlers, packets through the layers, timers.
#include "tools/mdd-endpoint/endpoint.h"

#include <cstdio>
#include <stdexcept>

#include <fmt/format.h>
#include <openssl/rand.h>

namespace mdd::endpoint {
namespace {

constexpr std::chrono::milliseconds kHouseInterval{50};
constexpr std::chrono::milliseconds kGenerateInterval{1};
constexpr std::chrono::seconds kReportInterval{1};

// Lines that a program which started us waits for.
template <typename... Args>
void announce(fmt::format_string<Args...> text, Args&&... args) {
    fmt::print(stdout, text, std::forward<Args>(args)...);
    std::fflush(stdout);
}

std::uint32_t random_number() {
    std::uint32_t number = 0;
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&number), sizeof number) != 1)
        throw std::runtime_error("OpenSSL has no randomness for an SSRC");
    return number;
}

}  // namespace

Endpoint::Endpoint(boost::asio::io_context& loop, const Options& options)
    : options_(options),
      identity_(options.certificate, options.key, options.kmf, options.profile,
                options.session_ids),
      context_(options.profile),
      trace_(options.trace),
      socket_(loop, options.bind,
              [this](srtp::Bytes datagram, const UdpAddress&, Clock::time_point at) {
                  on_datagram(datagram, at);
              }),
      keys_(loop, identity_, options.handshake,
            {[this](srtp::Bytes datagram) { socket_.send(datagram); },
             [this](const srtp::HopKeys& keys) { on_keys(keys); },
             [this](EktKey key) { return on_ekt_key(std::move(key)); }, [this] { on_ended(); },
             [this] { failed_(); }}),
      house_timer_(loop),
      generate_timer_(loop),
      random_ssrc_(random_number()),
      paused_(options.start_paused) {
    socket_.connect(options.mdd);
    if (options_.cname.empty()) options_.cname = fmt::format("{:08x}@endpoint", random_number());
    for (const auto& source : options_.sources)
        inputs_.push_back(std::make_unique<LocalInput>(
            loop, source,
            LocalInput::Events{[this](Packet packet) { send_rtp(std::move(packet)); },
                               [this](Packet packet) { forward_rtcp(std::move(packet)); },
                               [this] { ++context_.rtp.wrong_ssrc_or_pt; }}));
    for (const auto& spec : options_.generators) generators_.emplace_back(spec);
    if (options_.output)
        output_ = std::make_unique<LocalOutput>(
            loop, *options_.output,
            LocalOutput::Events{[](const LocalOutput::Port& port) {
                                    announce("stream ssrc={} pt={} port={}\n", port.ssrc,
                                             port.payload_type, port.rtp_port);
                                },
                                [this](Packet packet) { forward_rtcp(std::move(packet)); }});
}

void Endpoint::start(std::function<void()> failed) {
    failed_ = std::move(failed);
    keys_.start();
    keep_house();
}

void Endpoint::on_datagram(srtp::Bytes datagram, Clock::time_point at) {
    const std::uint8_t first = datagram.empty() ? 0 : datagram[0];
    if (first >= 20 && first <= 63) return keys_.on_datagram(datagram);
    if (first < 128 || first > 191) {
        ++demux_unknown_;
        return;
    }
    if (is_rtcp(datagram)) return on_srtcp(datagram, at);
    on_srtp(datagram, at);
}

void Endpoint::on_keys(const srtp::HopKeys& keys) {
    context_.install(keys);
    const auto now = Clock::now();
    keyed_at_.push_back(now);
    trace_.keyed(now);
    announce("{} profile={} handshake_ms={:.1f}\n", keyed_at_.size() == 1 ? "keyed" : "rekeyed",
             srtp::traits_of(keys.profile).name, keys_.counters().last_handshake_ms);
    // The first verified packet tells the MDD that the keys are in use, also when there is no media
    // to send.
    send_own_report();
    begin_generating();
}

bool Endpoint::on_ekt_key(EktKey key) {
    const auto now = Clock::now();
    const auto spi = key.spi;
    const auto ttl = key.ttl;
    std::vector<ReceivedRtp> opened;
    const auto added = context_.learn(std::move(key), now, opened);
    if (added != EktKeyring::Added::newest) return added == EktKeyring::Added::known;
    spis_.push_back(spi);
    trace_.ekt_key(spi, now);
    announce("ekt spi={} ttl={}\n", spi, ttl.count());
    for (const auto& received : opened) deliver(received);
    begin_generating();
    return true;
}

void Endpoint::on_ended() {
    context_.leave();
    announce("left\n");
}

void Endpoint::on_srtp(srtp::Bytes datagram, Clock::time_point at) {
    for (const auto& received : context_.open(Packet(datagram.begin(), datagram.end()), at))
        deliver(received);
}

void Endpoint::deliver(const ReceivedRtp& received) {
    const auto ssrc = rtp_ssrc(received.rtp);
    const auto [found, is_new] = received_.try_emplace(ssrc);
    auto& stream = found->second;
    if (is_new) {
        stream.first_at = received.at;
        stream.payload_type = rtp_payload_type(received.rtp);
        say_hello_to(ssrc);
    }
    stream.stats.note(received.key_number, received.index);
    stream.rtp_bytes += received.rtp.size();
    const auto pattern = check_pattern(received.rtp);
    if (pattern == Pattern::good) ++stream.pattern_good;
    if (pattern == Pattern::damaged) ++stream.pattern_damaged;
    trace_.received(received.rtp, received.index, received.outer_sequence, received.at);
    if (!output_) return;
    // Codec by the outer payload type and order by the outer sequence number, all else as the
    // sender made it (RFC 8723 §5.3).
    auto packet = received.rtp;
    packet[1] = static_cast<std::uint8_t>((packet[1] & 0x80) | received.outer_payload_type);
    srtp::store_be16(packet.data() + 2, received.outer_sequence);
    if (!output_->deliver_rtp(packet, ssrc, received.at)) ++context_.rtp.not_delivered;
}

void Endpoint::say_hello_to(std::uint32_t ssrc) {
    if (!options_.request_keyframe_on_join) return;
    ++context_.rtcp.keyframe_requests;
    send_rtcp(keyframe_request(own_ssrc(), options_.cname, ssrc));
}

void Endpoint::on_srtcp(srtp::Bytes datagram, Clock::time_point at) {
    Packet packet(datagram.begin(), datagram.end());
    if (!context_.open_rtcp(packet, at)) return;
    const auto summary = read_rtcp(packet);
    if (!summary) {
        ++context_.rtcp.malformed;
        return;
    }
    route_rtcp(std::move(packet), *summary, at);
}

void Endpoint::route_rtcp(Packet packet, const RtcpSummary& summary, Clock::time_point now) {
    bool routed = false;
    for (auto& input : inputs_)
        if (summary.feedback_for == input->ssrc() && input->knows_rtcp_address()) {
            input->send_rtcp(packet);
            routed = true;
        }
    if (output_ &&
        output_->deliver_rtcp(std::move(packet), summary.sender_ssrc, summary.has_bye, now)) {
        routed = true;
        if (summary.has_bye) ++context_.rtcp.bye_held;
    }
    if (!routed) ++context_.rtcp.unrouted;
}

void Endpoint::send_rtp(Packet packet) {
    if (paused_) {
        ++context_.rtp.send_paused;
        return;
    }
    const auto size_bytes = packet.size();
    const auto payload_type = size_bytes < 2 ? std::uint8_t{0} : rtp_payload_type(packet);
    PacketIndex index = 0;
    const auto now = Clock::now();
    if (!context_.seal(packet, index, now)) return;
    const auto ssrc = rtp_ssrc(packet);
    auto& stream = sent_[ssrc];
    if (stream.packets++ == 0) stream.first_index = index;
    stream.payload_type = payload_type;
    stream.last_index = std::max(stream.last_index, index);
    stream.payload_and_header_bytes += size_bytes;
    const auto at = Clock::now();
    if (socket_.send(packet))
        trace_.sent(ssrc, index, at, size_bytes);
    else
        ++context_.rtp.socket_failed;
}

void Endpoint::forward_rtcp(Packet packet) {
    if (!read_rtcp(packet)) {
        ++context_.rtcp.send_malformed;
        return;
    }
    send_rtcp(std::move(packet));
}

void Endpoint::send_rtcp(Packet packet) {
    if (!context_.seal_rtcp(packet)) return;
    last_rtcp_ = Clock::now();
    if (!socket_.send(packet)) ++context_.rtp.socket_failed;
}

void Endpoint::send_own_report() {
    send_rtcp(receiver_report(own_ssrc(), options_.cname));
}

std::uint32_t Endpoint::own_ssrc() const {
    if (!options_.sources.empty()) return options_.sources.front().ssrc;
    if (!options_.generators.empty()) return options_.generators.front().ssrc;
    return random_ssrc_;
}

void Endpoint::keep_house() {
    const auto now = Clock::now();
    context_.drop_overdue(now);
    trace_.flush();
    if (output_) output_->release_byes(now);
    if (context_.keyed() && now - last_rtcp_ >= kReportInterval) send_own_report();
    house_timer_.expires_after(kHouseInterval);
    house_timer_.async_wait([this](const boost::system::error_code& cancelled) {
        if (!cancelled && !stopped_) keep_house();
    });
}

// The generators' first packets are to be heard, so they wait until packets can be sealed.
void Endpoint::begin_generating() {
    if (generating_ || generators_.empty() || !context_.can_send(Clock::now())) return;
    generating_ = true;
    generate();
}

void Endpoint::generate() {
    for (auto& generator : generators_) {
        if (paused_) {
            generator.rest();
            continue;
        }
        while (auto packet = generator.next(Clock::now())) send_rtp(std::move(*packet));
    }
    generate_timer_.expires_after(kGenerateInterval);
    generate_timer_.async_wait([this](const boost::system::error_code& cancelled) {
        if (!cancelled && !stopped_) generate();
    });
}

void Endpoint::toggle_pause() {
    paused_ = !paused_;
    // Who waits for that line may want to know what was sent until then.
    trace_.flush();
    announce("{}\n", paused_ ? "paused" : "resumed");
}

void Endpoint::stop() {
    stopped_ = true;
    keys_.close();
    context_.leave();
    house_timer_.cancel();
    generate_timer_.cancel();
    for (auto& input : inputs_) input->close();
    if (output_) output_->close();
    socket_.close();
    trace_.flush();
}

nlohmann::ordered_json Endpoint::report() const {
    auto received = received_;
    if (output_)
        for (const auto& port : output_->ports())
            if (auto found = received.find(port.ssrc); found != received.end())
                found->second.local_port = port.rtp_port;
    return make_report({options_.profile, context_, keys_.counters(), keyed_at_, spis_, sent_,
                        received, demux_unknown_});
}

}  // namespace mdd::endpoint
