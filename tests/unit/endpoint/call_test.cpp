// Whole endpoints on real loopback sockets, with a libsrtp2 distributor in the MDD's place:
// handshake, media, RTCP, late joiners, re-keys, pauses, local programs.
#include <fstream>
#include <set>

#include "tests/unit/endpoint/call.h"

namespace mdd::endpoint::test {
namespace {

TEST_P(CallTest, EverythingSentIsReceivedOnceAndWhole) {
    auto& b = join(options());
    auto& a = join(source(1111));
    run_for(400ms);
    settle(a);
    const auto sent = a.report();
    const auto received = b.report();
    EXPECT_GT(sent["rtp"]["sent"], 100);
    EXPECT_EQ(received["rtp"]["received"], sent["rtp"]["sent"]);
    EXPECT_EQ(received["streams_received"][0]["pattern_good"], sent["rtp"]["sent"]);
    EXPECT_EQ(received["streams_received"][0]["first_index"], 65000);
    EXPECT_EQ(received["ekt"]["keys_learnt"], 1);
    expect_clean(received);
    expect_clean(sent);
    EXPECT_EQ(distributor_.failed, 0u);
}

TEST_P(CallTest, LateJoinerHearsFromItsFirstPacket) {
    auto& a = join(source(1111));
    run_for(230ms);
    auto& c = join(options());
    run_for(300ms);
    settle(a);
    const auto late = c.report();
    EXPECT_GT(late["rtp"]["received"], 50);
    EXPECT_EQ(late["streams_received"][0]["last_index"],
              a.report()["streams_sent"][0]["last_index"]);
    expect_clean(late);
}

TEST_P(CallTest, RekeyUnderMediaLosesNothing) {
    auto& b = join(options());
    auto& a = join(source(1111));
    run_for(100ms);
    a.rekey();
    EXPECT_TRUE(run_until([&] { return a.report()["dtls"]["handshakes"] == 2; }));
    run_for(100ms);
    b.rekey();
    EXPECT_TRUE(run_until([&] { return b.report()["dtls"]["handshakes"] == 2; }));
    run_for(100ms);
    settle(a);
    EXPECT_EQ(b.report()["rtp"]["received"], a.report()["rtp"]["sent"]);
    expect_clean(b.report());
    EXPECT_EQ(distributor_.failed, 0u);
}

TEST_P(CallTest, ReceiveOnlyEndpointIsHeardByItsReports) {
    auto& b = join(options());
    EXPECT_TRUE(run_until([&] { return distributor_.rtcp_in.size() == 1; }, 300ms));
    EXPECT_TRUE(run_until([&] { return distributor_.rtcp_in.size() == 2; }, 1500ms));
    EXPECT_TRUE(read_rtcp(distributor_.rtcp_in[0].second));
    EXPECT_EQ(b.report()["rtcp"]["sent"], 2);
}

// RTCP is not end to end: the distributor reads it (RFC 8871 §4.3).
TEST_P(CallTest, OwnRtcpTellsNothingButARandomName) {
    join(options());
    join(source(1111));
    EXPECT_TRUE(run_until([&] { return distributor_.rtcp_in.size() >= 2; }));
    std::set<std::string> names;
    for (const auto& [from, packet] : distributor_.rtcp_in) {
        const auto chunk = packet.begin() + 18;  // report with SSRC, header with SSRC, CNAME's head
        ASSERT_GT(packet.size(), 18u);
        const std::string name(chunk, chunk + packet[17]);
        EXPECT_EQ(packet, receiver_report(srtp::load_be32(packet.data() + 4), name));
        names.insert(name);
    }
    EXPECT_EQ(names.size(), 2u);
}

TEST_P(CallTest, KeyframeIsRequestedForEachNewStreamOnRequest) {
    auto asking = options();
    asking.request_keyframe_on_join = true;
    auto& b = join(asking);
    auto& a = join(source(1111));
    run_for(150ms);
    EXPECT_EQ(b.report()["rtcp"]["keyframe_requests"], 1);
    const auto asked = std::ranges::count_if(distributor_.rtcp_in, [](const auto& in) {
        return read_rtcp(in.second)->feedback_for == 1111u;
    });
    EXPECT_EQ(asked, 1);
    settle(a);
}

TEST_P(CallTest, PauseStopsRtpAndItGoesOnWithoutAGap) {
    auto paused = source(1111);
    paused.start_paused = true;
    auto& b = join(options());
    auto& a = join(paused);
    run_for(100ms);
    EXPECT_EQ(a.report()["rtp"]["sent"], 0);
    a.toggle_pause();
    run_for(100ms);
    a.toggle_pause();
    run_for(100ms);
    const auto before = a.report()["rtp"]["sent"];
    EXPECT_GT(before, 20);
    run_for(100ms);
    EXPECT_EQ(a.report()["rtp"]["sent"], before);
    a.toggle_pause();
    run_for(100ms);
    settle(a);
    EXPECT_GT(a.report()["rtp"]["sent"], before);
    EXPECT_EQ(b.report()["rtp"]["received"], a.report()["rtp"]["sent"]);
    expect_clean(b.report());
}

TEST_P(CallTest, TraceLinesOfSenderAndReceiverJoin) {
    auto from = source(1111);
    from.trace = directory_ / "a.csv";
    auto to = options();
    to.trace = directory_ / "b.csv";
    auto& b = join(to);
    auto& a = join(from);
    run_for(150ms);
    settle(a);
    a.stop();
    b.stop();
    std::map<std::string, std::string> sent;
    std::string line;
    for (std::ifstream in(from.trace); std::getline(in, line);)
        if (line.starts_with("tx,1111,")) sent[line.substr(8, line.find(',', 8) - 8)] = line;
    std::size_t joined = 0;
    bool keyed = false;
    for (std::ifstream in(to.trace); std::getline(in, line);) {
        if (line.starts_with("keyed,")) keyed = true;
        if (line.starts_with("rx,1111,"))
            joined += sent.count(line.substr(8, line.find(',', 8) - 8));
    }
    EXPECT_TRUE(keyed);
    EXPECT_GT(joined, 20u);
    EXPECT_EQ(joined, sent.size());
    EXPECT_EQ(joined, b.report()["rtp"]["received"]);
}

INSTANTIATE_TEST_SUITE_P(Double, CallTest,
                         ::testing::Values(srtp::Profile::double_aes_128_gcm,
                                           srtp::Profile::double_aes_256_gcm),
                         [](const auto& test) {
                             return test.param == srtp::Profile::double_aes_128_gcm ? "Aes128"
                                                                                    : "Aes256";
                         });

// A local program: an even port and the next one, found free.
class LocalProgram {
  public:
    explicit LocalProgram(boost::asio::io_context& loop) {
        for (unsigned port = 12000 + 2 * (::getpid() % 4000); !rtp_; port += 2) try {
                const auto text = "127.0.0.1:" + std::to_string(port);
                const auto next = "127.0.0.1:" + std::to_string(port + 1);
                rtcp_.reset();
                rtcp_.emplace(loop, parse_udp_address(next), keep(rtcp));
                rtp_.emplace(loop, parse_udp_address(text), keep(rtp));
                port_ = static_cast<std::uint16_t>(port);
            } catch (const std::runtime_error&) {
            }
    }

    std::uint16_t port() const { return port_; }
    void close() {
        rtp_->close();
        rtcp_->close();
    }
    void send(srtp::Bytes packet, unsigned to) {
        rtp_->send_to(packet, parse_udp_address("127.0.0.1:" + std::to_string(to)));
    }
    void send_rtcp(srtp::Bytes packet, unsigned to) {
        rtcp_->send_to(packet, parse_udp_address("127.0.0.1:" + std::to_string(to)));
    }

    struct Got {
        Packet packet;
        UdpAddress from;
        Clock::time_point at;
    };
    std::vector<Got> rtp;
    std::vector<Got> rtcp;

  private:
    static UdpSocket::Handler keep(std::vector<Got>& where) {
        return [&where](srtp::Bytes datagram, const UdpAddress& from, Clock::time_point at) {
            where.push_back({Packet(datagram.begin(), datagram.end()), from, at});
        };
    }

    std::uint16_t port_ = 0;
    std::optional<UdpSocket> rtp_;
    std::optional<UdpSocket> rtcp_;
};

class LocalProgramTest : public CallTest {
  protected:
    LocalProgramTest() {
        auto to = options();
        to.output = OutputSpec{parse_udp_address("127.0.0.1:" + std::to_string(sink_.port())),
                               {{kSsrc, 96, "VP8/90000"}},
                               directory_ / "b.sdp"};
        b_ = &join(to);
        auto from = options();
        input_port_ = static_cast<std::uint16_t>(sink_.port() + 10000);
        from.sources.push_back({input_port_, kSsrc, 96});
        a_ = &join(from);
    }

    LocalProgram sink_{loop_};
    LocalProgram source_{loop_};
    std::uint16_t input_port_ = 0;
    Endpoint* a_ = nullptr;
    Endpoint* b_ = nullptr;
};

TEST_P(LocalProgramTest, GetsWhatTheOtherSendsWithTheOuterSequenceNumber) {
    for (std::uint16_t i = 0; i < 20; ++i) source_.send(rtp_packet(i, 300), input_port_);
    ASSERT_TRUE(run_until([&] { return sink_.rtp.size() == 20; }));
    auto expected = rtp_packet(7, 300);
    srtp::store_be16(expected.data() + 2, 7 + distributor_.sequence_offset);
    EXPECT_EQ(sink_.rtp[7].packet, expected);
    EXPECT_EQ(b_->report()["streams_received"][0]["port"], sink_.port());
    std::ifstream sdp(directory_ / "b.sdp");
    const std::string text{std::istreambuf_iterator<char>(sdp), {}};
    EXPECT_NE(text.find("m=video " + std::to_string(sink_.port()) + " RTP/AVP 96"),
              std::string::npos);
}

TEST_P(LocalProgramTest, ForeignSsrcPayloadTypeAndJunkAreCounted) {
    source_.send(rtp_packet(1, 10, kSsrc + 1), input_port_);
    auto other_type = rtp_packet(2, 10);
    other_type[1] = 97;
    source_.send(other_type, input_port_);
    source_.send(Packet(5, 0x80), input_port_);
    source_.send_rtcp(from_hex("80c90002aabbccdd"), input_port_ + 1u);
    source_.send(rtp_packet(3, 10), input_port_);
    ASSERT_TRUE(run_until([&] { return sink_.rtp.size() == 1; }));
    run_for(20ms);
    EXPECT_EQ(a_->report()["rtp"]["wrong_ssrc_or_pt"], 2);
    EXPECT_EQ(a_->report()["rtp"]["send_malformed"], 1);
    EXPECT_EQ(a_->report()["rtcp"]["send_malformed"], 1);
}

TEST_P(LocalProgramTest, ByeArrivesHalfASecondAfterTheLastMedia) {
    source_.send(rtp_packet(1, 10), input_port_);
    const auto bye = from_hex("80c900010a0b0c0d80cb00010a0b0c0d");
    source_.send_rtcp(bye, input_port_ + 1u);
    source_.send(rtp_packet(2, 10), input_port_);
    auto bye_came = [&] {
        return std::ranges::any_of(sink_.rtcp, [&](const auto& got) { return got.packet == bye; });
    };
    ASSERT_TRUE(run_until(bye_came));
    ASSERT_EQ(sink_.rtp.size(), 2u);
    EXPECT_GE(sink_.rtcp.back().at - sink_.rtp.back().at, 495ms);
    EXPECT_EQ(b_->report()["rtcp"]["bye_held"], 1);
}

TEST_P(LocalProgramTest, FeedbackReachesTheProgramThatSendsTheMedia) {
    source_.send(rtp_packet(1, 10), input_port_);
    source_.send_rtcp(receiver_report(kSsrc, "source"), input_port_ + 1u);
    ASSERT_TRUE(run_until([&] { return !sink_.rtp.empty() && !sink_.rtcp.empty(); }));
    const auto request = keyframe_request(0x77, "sink", kSsrc);
    sink_.send_rtcp(request, sink_.rtp.back().from.port());
    ASSERT_TRUE(run_until([&] { return !source_.rtcp.empty(); }));
    EXPECT_EQ(source_.rtcp.back().packet, request);
}

INSTANTIATE_TEST_SUITE_P(Double, LocalProgramTest,
                         ::testing::Values(srtp::Profile::double_aes_128_gcm),
                         [](const auto&) { return "Aes128"; });

}  // namespace
}  // namespace mdd::endpoint::test
