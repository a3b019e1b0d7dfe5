// mdd-load as a KMF, found by a real link of mdd's in either dialect; and joins, answered by hand.
#include "tools/mdd-load/kmf_role.h"

#include "dataplane/srtp/aead.h"
#include "kmf-tunnel/key_check.h"
#include "kmf-tunnel/record.h"
#include "tests/unit/load/load_files.h"
#include "tests/unit/tunnel/loopback.h"
#include "tools/mdd-load/joins.h"

namespace mdd::load::test {
namespace {

const std::string kText =
    "[conferences]\ncount = 2\nmembers = 3\nprofile = "
    "\"DOUBLE_AEAD_AES_256_GCM_AEAD_AES_256_GCM\"\n"
    "[audio]\npackets_per_second = 50\n[joins]\nper_second = 1000\nagain = \"100ms\"\n";

TEST(Hello, IsAWholeClientHelloInTheEyesOfTheTunnelAndSaysWhoseItIs) {
    const Handshake handshake{70'000, 3};
    const auto hello = write_hello(handshake, srtp::Profile::double_aes_128_gcm);
    EXPECT_TRUE(tunnel::is_client_hello_record(hello));
    EXPECT_TRUE(tunnel::hold_whole_client_hello(std::array{hello}));
    EXPECT_EQ(read_hello(hello), handshake);
    EXPECT_EQ(read_answer(hello), std::nullopt);
    const auto answer = write_answer(handshake);
    EXPECT_TRUE(tunnel::has_protected_handshake(answer));
    EXPECT_FALSE(tunnel::has_impossible_record(answer));
    EXPECT_EQ(read_answer(answer), handshake);
    EXPECT_EQ(read_hello(answer), std::nullopt);
}

// What mdd does with messages, written down.
struct Mdd : tunnel::LinkEvents {
    void on_link_up(const tunnel::PeerIdentity&) override {}
    void on_link_down(tunnel::DownReason, const std::string&) override {}
    void on_link_refused(tunnel::DownReason, const std::string& text) override { trouble = text; }
    void on_link_message(tunnel::Message&& message) override {
        messages.push_back(std::move(message));
    }
    std::vector<tunnel::Message> messages;
    std::string trouble;
};

class KmfRoleTest : public testing::TestWithParam<tunnel::Dialect> {
  protected:
    static void SetUpTestSuite() { ASSERT_EQ(srtp::aead_start(), srtp::AeadStart::ok); }

    KmfRoleTest() {
        const auto ours = pki_.credentials("load");
        settings_.listen = {0x7f000001, 0};
        settings_.protocol = GetParam();
        settings_.cert = ours.cert_file;
        settings_.key = ours.key_file;
        settings_.ca = ours.ca_file;
    }
    void connect(KmfRole& kmf) {
        auto config = mdd::test::link_to(kmf.port(), pki_.credentials("mdd"), GetParam());
        config.profiles = {0x000a};
        link_.emplace(io_, config, mdd_);
        link_->start();
        ASSERT_TRUE(run([&] { return link_->is_up() && kmf.tunnels_up() == 1; })) << mdd_.trouble;
    }
    bool run(const std::function<bool()>& done) { return mdd::test::run_until(done, {&io_}); }
    bool say_hello(const Handshake& handshake, std::uint8_t association) {
        tunnel::Message message;
        message.association.bytes.fill(association);
        message.conference = plan_.conference_id(plan_.conference_of(handshake.endpoint));
        message.body = tunnel::SupportedProfiles{{0x000a}, {}};
        message.dtls = write_hello(handshake, keys_.profile());
        return link_->send(message);
    }

    mdd::test::TestPki pki_;
    KmfSection settings_;
    const Scenario scenario_ = scenario(kText);
    const Plan plan_{scenario_, bed()};
    const KeySource keys_ = KeySource::random(scenario_.conferences.profile);
    boost::asio::io_context io_;
    Mdd mdd_;
    std::optional<tunnel::Link> link_;
};

TEST_P(KmfRoleTest, AnswersAHelloWithTheKeysOfItsEndpointAndGeneration) {
    KmfRole kmf(settings_, plan_, keys_);
    connect(kmf);
    ASSERT_TRUE(say_hello({4, 2}, 7));
    std::optional<srtp::HopKeys> got;
    bool answered = false;
    ASSERT_TRUE(run([&] {
        for (auto& message : std::exchange(mdd_.messages, {})) {
            EXPECT_EQ(message.association.bytes[0], 7);
            if (auto* keys = std::get_if<tunnel::KeyInformation>(&message.body)) {
                auto checked = tunnel::check(std::move(*keys));
                if (!std::holds_alternative<srtp::HopKeys>(checked)) return true;
                got = std::move(std::get<srtp::HopKeys>(checked));
            }
            answered |= read_answer(message.dtls) == Handshake{4, 2};
        }
        return answered;
    }));
    ASSERT_TRUE(got);
    const auto made = keys_.hop_keys(4, 2);
    EXPECT_TRUE(std::ranges::equal(got->client_write.key.bytes(), made.client_write.key.bytes()));
    EXPECT_TRUE(std::ranges::equal(got->server_write.key.bytes(), made.server_write.key.bytes()));
    EXPECT_TRUE(std::ranges::equal(got->server_write.salt.bytes(), made.server_write.salt.bytes()));
    EXPECT_EQ(kmf.counts().answers, 1u);
}

TEST_P(KmfRoleTest, SaysNothingToStrangers) {
    KmfRole kmf(settings_, plan_, keys_);
    connect(kmf);
    ASSERT_TRUE(say_hello({6, 1}, 1));  // there are six endpoints
    ASSERT_TRUE(run([&] { return kmf.counts().strangers == 1; }));
    EXPECT_EQ(kmf.counts().answers, 0u);
}

TEST_P(KmfRoleTest, PutsAnEndpointOutWhereTheDialectCan) {
    KmfRole kmf(settings_, plan_, keys_);
    connect(kmf);
    ASSERT_TRUE(say_hello({1, 1}, 9));
    ASSERT_TRUE(run([&] { return kmf.counts().answers == 1; }));
    kmf.put_out(1);
    kmf.put_out(2);  // has no association
    const bool can = GetParam() == tunnel::Dialect::rfc9185;
    const auto is_word = [](const tunnel::Message& message) {
        return std::holds_alternative<tunnel::Disconnect>(message.body);
    };
    if (can)
        EXPECT_TRUE(run([&] { return std::ranges::count_if(mdd_.messages, is_word) == 1; }));
    else
        mdd::test::run_for(tunnel::Milliseconds(50), {&io_});
    EXPECT_EQ(kmf.counts().put_out, can ? 1u : 0u);
}

INSTANTIATE_TEST_SUITE_P(Dialects, KmfRoleTest,
                         testing::Values(tunnel::Dialect::dtls_v1, tunnel::Dialect::rfc9185),
                         mdd::test::dialect_name);

// Joins with a wire that keeps what was sent; a tick is a millisecond.
class JoinsTest : public testing::Test {
  protected:
    static void SetUpTestSuite() { ASSERT_EQ(srtp::aead_start(), srtp::AeadStart::ok); }

    explicit JoinsTest(const std::string& more = "")
        : scenario_(scenario(kText + more)),
          keys_(KeySource::random(scenario_.conferences.profile)),
          world_(scenario_, bed(), keys_),
          joins_(
              world_, 1000,
              [this](srtp::Bytes frame) {
                  sent_.push_back(*read_hello(frame.subspan(net::kHeaderBytes)));
                  return true;
              },
              [this](EndpointIndex endpoint) { put_out_.push_back(endpoint); }) {
        world_.set_link({}, {});
    }
    void run(Tsc from, Tsc until, bool answering) {
        for (Tsc now = from; now < until; ++now) {
            joins_.poll(now);
            if (!answering) continue;
            for (const auto& hello : std::exchange(sent_, {}))
                joins_.on_datagram(hello.endpoint, write_answer(hello), now);
        }
    }

    const Scenario scenario_;
    const KeySource keys_;
    World world_;
    std::vector<Handshake> sent_;
    std::vector<EndpointIndex> put_out_;
    Joins joins_;
};

TEST_F(JoinsTest, EverybodyJoinsAtThePaceOfTheScenario) {
    joins_.start(0);
    run(0, 4, true);
    EXPECT_EQ(joins_.present(), 3u);
    run(4, 10, true);
    EXPECT_TRUE(joins_.all_present());
    EXPECT_EQ(joins_.counts().hellos, 6u);
    EXPECT_EQ(joins_.counts().repeats, 0u);
}

TEST_F(JoinsTest, AHelloIsRepeatedUntilItsAnswerIsThere) {
    joins_.start(0);
    run(0, 10, false);
    EXPECT_EQ(sent_.size(), 6u);
    run(10, 109, false);
    EXPECT_EQ(sent_.size(), 12u);
    EXPECT_EQ(sent_[0], sent_[6]);
    run(109, 120, true);
    run(120, 1000, true);
    EXPECT_TRUE(joins_.all_present());
    EXPECT_EQ(joins_.counts().repeats, 6u);
    EXPECT_TRUE(sent_.empty());
}

TEST_F(JoinsTest, AnAnswerToAnotherHandshakeIsNone) {
    joins_.start(0);
    run(0, 3, false);
    const auto first = sent_.at(0);
    joins_.on_datagram(first.endpoint, write_answer({first.endpoint, first.generation + 1}), 3);
    joins_.on_datagram(first.endpoint, write_answer({first.endpoint + 1, first.generation}), 3);
    joins_.on_datagram(first.endpoint, write_hello(first, keys_.profile()), 3);
    EXPECT_EQ(joins_.present(), 0u);
    EXPECT_EQ(joins_.counts().stray_answers, 3u);
}

class ChurnTest : public JoinsTest {
  protected:
    ChurnTest() : JoinsTest("[churn]\nper_second = 10\naway = \"200ms\"\n") {}

    // At 5100 one of those in the call leaves.
    void let_one_leave() {
        joins_.start(0);
        run(0, 10, true);
        joins_.begin_unrest(5000);
        run(5000, 5101, true);
        joins_.end_unrest();
        ASSERT_EQ(joins_.counts().departures, 1u);
    }
    // Likewise, when everybody has sent a packet that has not arrived.
    void let_one_leave_with_packets_under_way() {
        joins_.start(0);
        run(0, 10, true);
        joins_.begin_unrest(5000);
        for (EndpointIndex i = 0; i < world_.plan().endpoints(); ++i) world_.note_sent(i);
        run(5000, 5101, true);
        joins_.end_unrest();
        ASSERT_EQ(joins_.counts().departures, 1u);
    }
    EndpointIndex leaver() const {
        EndpointIndex index = 0;
        while (world_.is_present(index)) ++index;
        return index;
    }
    std::vector<EndpointIndex> others_than(EndpointIndex endpoint) const {
        const auto& plan = world_.plan();
        std::vector<EndpointIndex> others;
        for (EndpointIndex i = 0; i < plan.endpoints(); ++i)
            if (i != endpoint && plan.conference_of(i) == plan.conference_of(endpoint))
                others.push_back(i);
        return others;
    }
};

TEST_F(ChurnTest, WhoLeavesIsPutOutAndComesBackUnderNewKeys) {
    let_one_leave();
    EXPECT_EQ(joins_.present(), 5u);
    run(5101, 5102, true);
    ASSERT_EQ(put_out_.size(), 1u);
    EXPECT_FALSE(world_.is_present(put_out_[0]));
    run(5102, 5310, true);
    EXPECT_TRUE(joins_.all_present());
    EXPECT_EQ(world_.endpoint(put_out_[0]).generation, 2u);
    EXPECT_EQ(world_.endpoint(put_out_[0]).joins, 2u);
}

TEST_F(ChurnTest, WhoLeavesIsNotPutOutBeforeItHasWhatItIsOwedAndOthersHaveWhatItSent) {
    let_one_leave_with_packets_under_way();
    run(5101, 5900, true);
    EXPECT_TRUE(put_out_.empty());
    const auto left = leaver();
    for (const auto other : others_than(left)) world_.note_arrived(other, left);
    run(5900, 6000, true);
    EXPECT_TRUE(put_out_.empty()) << "what it sent may still be in mdd's queue";
    for (const auto other : others_than(left)) world_.note_arrived(left, other);
    run(6000, 6001, true);
    EXPECT_EQ(put_out_, std::vector{left});
    run(6001, 6210, true);
    EXPECT_TRUE(joins_.all_present()) << "it is away for as long as ever";
}

TEST_F(ChurnTest, WhoLeavesIsPutOutAfterThreeSecondsWhereSomethingIsLost) {
    let_one_leave_with_packets_under_way();
    run(5101, 8100, true);
    EXPECT_TRUE(put_out_.empty());
    run(8100, 8101, true);
    EXPECT_EQ(put_out_.size(), 1u);
    run(8101, 10000, true);
    EXPECT_EQ(put_out_.size(), 1u);
    EXPECT_TRUE(joins_.all_present());
}

class StormTest : public JoinsTest {
  protected:
    StormTest() : JoinsTest("[storm]\nper_second = 100\n") {}
};

TEST_F(StormTest, HandshakesOfThoseInTheCallLeaveThemThere) {
    joins_.start(0);
    run(0, 10, true);
    joins_.begin_unrest(5000);
    run(5000, 11000, true);
    EXPECT_TRUE(joins_.all_present());
    // Three times everybody: nobody has less than two seconds between.
    EXPECT_EQ(joins_.counts().answers, 6u + 3 * 6u);
    EXPECT_EQ(joins_.counts().departures, 0u);
    EXPECT_EQ(world_.stream(0).run, 1u);
}

}  // namespace
}  // namespace mdd::load::test
