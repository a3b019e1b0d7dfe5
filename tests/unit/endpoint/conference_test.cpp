// A conference over its EKT keys with whole endpoints: the first key, re-keys while media flows,
// who is blind to what when somebody leaves or joins, and an endpoint that is put out.
#include <fstream>
#include <set>

#include "tests/unit/endpoint/call.h"

namespace mdd::endpoint::test {
namespace {

constexpr std::uint32_t kSource = 1111;

class ConferenceTest : public CallTest {
  protected:
    void rekey(std::uint16_t spi, std::size_t members) {
        distributor_.rekey(spi);
        EXPECT_TRUE(run_until([&] { return distributor_.acknowledged_by(spi) == members; }));
    }
};

TEST_P(ConferenceTest, SendingBeginsWithTheFirstEktKeyAndItsFirstPacketIsHeard) {
    distributor_.gives_ekt_key_on_joining = false;
    auto& b = join(options());
    auto& a = join(source(kSource));
    run_for(100ms);
    EXPECT_EQ(a.report()["rtp"]["sent"], 0);
    EXPECT_EQ(distributor_.rtp_in, 0u);
    EXPECT_TRUE(a.report()["ekt"]["spis"].empty());
    EXPECT_GT(a.report()["rtcp"]["sent"], 0) << "EKT is for RTP alone";
    rekey(7, 2);
    run_for(100ms);
    settle(a);
    EXPECT_GT(a.report()["rtp"]["sent"], 20);
    EXPECT_EQ(b.report()["rtp"]["received"], a.report()["rtp"]["sent"]);
    EXPECT_EQ(b.report()["streams_received"][0]["first_index"], 65000);
    expect_clean(b.report());
}

TEST_P(ConferenceTest, RekeysUnderMediaLoseNothing) {
    auto& b = join(options());
    auto& a = join(source(kSource));
    for (std::uint16_t spi = 8; spi < 13; ++spi) {
        run_for(60ms);
        rekey(spi, 2);
    }
    run_for(60ms);
    settle(a);
    const auto sent = a.report();
    const auto received = b.report();
    EXPECT_EQ(received["rtp"]["received"], sent["rtp"]["sent"]);
    EXPECT_EQ(received["ekt"]["spis"], std::vector<int>({7, 8, 9, 10, 11, 12}));
    EXPECT_EQ(received["ekt"]["rekeys"], 5);
    EXPECT_EQ(received["ekt"]["keys_learnt"], 6);
    EXPECT_GE(received["ekt"]["acknowledgements"], 6);
    expect_clean(received);
    EXPECT_EQ(distributor_.failed, 0u);
}

// A participant that keeps whatever it was ever given, and records whatever it is sent.
class Recorder {
  public:
    Recorder(boost::asio::io_context& loop, const DtlsIdentity& identity, const UdpAddress& mdd)
        : profile_(identity.profile()),
          socket_(loop, parse_udp_address("127.0.0.1:0"),
                  [this](srtp::Bytes datagram, const UdpAddress&, Clock::time_point) {
                      on_datagram(datagram);
                  }),
          client_(identity, [this](srtp::Bytes datagram) { socket_.send(datagram); }) {
        socket_.connect(mdd);
        client_.start();
    }

    UdpAddress address() const { return socket_.local_address(); }
    std::size_t ekt_keys() const { return ekt_keys_.size(); }
    std::size_t recorded() const { return recorded_.size(); }

    // The packets among those that were sent to `other` which our EKT keys open. The keys of
    // other's hop are no secret here: a distributor has them.
    std::set<PacketIndex> can_open(const Recorder& other) const {
        const Clock::time_point now{1h};
        DoubleContext context(profile_);
        const auto& hop = *other.hop_;
        context.install({hop.profile, copy_of(hop.client_write), copy_of(hop.server_write)});
        std::vector<ReceivedRtp> opened;
        for (const auto& key : ekt_keys_) context.learn(dtls::copy_of(key), now, opened);
        for (const auto& datagram : other.recorded_)
            for (auto& received : context.open(datagram, now))
                opened.push_back(std::move(received));
        std::set<PacketIndex> indices;
        for (const auto& received : opened) indices.insert(received.index);
        return indices;
    }
    void close() { socket_.close(); }

  private:
    void on_datagram(srtp::Bytes datagram) {
        if (datagram[0] >= 128) {
            if (!is_rtcp(datagram)) recorded_.emplace_back(datagram.begin(), datagram.end());
            return;
        }
        client_.on_datagram(datagram);
        if (auto keys = client_.take_keys()) hop_ = std::move(*keys);
        while (auto key = client_.next_ekt_key()) ekt_keys_.push_back(std::move(*key));
    }

    srtp::Profile profile_;
    UdpSocket socket_;
    DtlsClient client_;
    std::optional<srtp::HopKeys> hop_;
    std::vector<EktKey> ekt_keys_;
    std::vector<Packet> recorded_;
};

// When each packet of the source was sent, by its trace.
std::map<PacketIndex, Clock::time_point> sending_times(const std::filesystem::path& trace) {
    std::map<PacketIndex, Clock::time_point> times;
    std::string line;
    for (std::ifstream in(trace); std::getline(in, line);) {
        unsigned long long ssrc = 0;
        unsigned long long index = 0;
        long long ns = 0;
        if (std::sscanf(line.c_str(), "tx,%llu,%llu,%lld", &ssrc, &index, &ns) == 3)
            times[index] = Clock::time_point(std::chrono::nanoseconds(ns));
    }
    return times;
}

TEST_P(ConferenceTest, LeaverOpensNothingSentAfterTheLastAcknowledgementAndJoinerNothingBefore) {
    auto from = source(kSource);
    from.trace = directory_ / "a.csv";
    auto& b = join(options());
    auto& a = join(from);
    const DtlsIdentity who(client_.cert_file, client_.key_file, kmf_.fingerprint(), GetParam());
    Recorder leaver(loop_, who, distributor_.address());
    ASSERT_TRUE(run_until([&] { return leaver.ekt_keys() == 1; }));
    run_for(150ms);

    // It leaves, and the distributor goes on sending to it.
    distributor_.rekey(8, leaver.address());
    ASSERT_TRUE(run_until([&] { return distributor_.acknowledged_by(8) == 2; }));
    const auto blind_from = distributor_.last_acknowledged(8);
    const auto recorded_before = leaver.recorded();
    run_for(200ms);

    const auto joining = Clock::now();
    distributor_.rekey(9, leaver.address());
    Recorder joiner(loop_, who, distributor_.address());
    ASSERT_TRUE(run_until([&] { return joiner.ekt_keys() == 1; }));
    run_for(150ms);
    settle(a);
    a.stop();

    const auto sent_at = sending_times(from.trace);
    const auto by_leaver = leaver.can_open(leaver);
    EXPECT_GT(by_leaver.size(), 50u);
    for (auto index : by_leaver) EXPECT_LT(sent_at.at(index), blind_from) << index;
    EXPECT_GT(leaver.recorded(), recorded_before + 100);

    const auto by_joiner = joiner.can_open(leaver);
    EXPECT_GT(by_joiner.size(), 50u);
    for (auto index : by_joiner) EXPECT_GT(sent_at.at(index), joining) << index;

    EXPECT_EQ(b.report()["rtp"]["received"], a.report()["rtp"]["sent"]) << "who stays hears all";
    expect_clean(b.report());
    leaver.close();
    joiner.close();
}

TEST_P(ConferenceTest, EndpointThatIsPutOutDiscardsItsKeysAndSendsNoMore) {
    auto& a = join(source(kSource));
    run_for(50ms);
    distributor_.put_all_out();
    EXPECT_TRUE(run_until([&] { return a.report()["dtls"]["closed_by_kmf"] == true; }));
    const auto sent = a.report()["rtp"]["sent"];
    EXPECT_GT(sent, 0);
    run_for(100ms);
    EXPECT_EQ(a.report()["rtp"]["sent"], sent);
    EXPECT_GT(a.report()["rtp"]["send_not_keyed"], 0);
}

TEST_P(ConferenceTest, NewHandshakeBringsTheSameEktKeyAgainAndNothingChanges) {
    auto& b = join(options());
    auto& a = join(source(kSource));
    run_for(50ms);
    b.rekey();
    EXPECT_TRUE(run_until([&] { return b.report()["dtls"]["handshakes"] == 2; }));
    EXPECT_TRUE(run_until([&] { return distributor_.acknowledged_by(7) == 3; }));
    settle(a);
    EXPECT_EQ(b.report()["ekt"]["spis"], std::vector<int>({7}));
    EXPECT_EQ(b.report()["ekt"]["keys_refused"], 0);
    EXPECT_EQ(b.report()["rtp"]["received"], a.report()["rtp"]["sent"]);
}

TEST_P(ConferenceTest, TraceSaysWhenEachEktKeyCame) {
    auto with = options();
    with.trace = directory_ / "b.csv";
    auto& b = join(with);
    const auto before = Clock::now();
    rekey(8, 1);
    b.stop();
    std::map<int, Clock::time_point> came;
    std::string line;
    for (std::ifstream in(with.trace); std::getline(in, line);) {
        int spi = 0;
        long long ns = 0;
        if (std::sscanf(line.c_str(), "ekt,%d,%lld", &spi, &ns) == 2)
            came[spi] = Clock::time_point(std::chrono::nanoseconds(ns));
    }
    ASSERT_EQ(came.size(), 2u);
    EXPECT_GE(came.at(8), before);
    EXPECT_LE(came.at(8), distributor_.last_acknowledged(8));
}

INSTANTIATE_TEST_SUITE_P(Double, ConferenceTest,
                         ::testing::Values(srtp::Profile::double_aes_128_gcm,
                                           srtp::Profile::double_aes_256_gcm),
                         [](const auto& test) {
                             return test.param == srtp::Profile::double_aes_128_gcm ? "Aes128"
                                                                                    : "Aes256";
                         });

}  // namespace
}  // namespace mdd::endpoint::test
