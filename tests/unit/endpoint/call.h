// Whole endpoints on real loopback sockets, with a libsrtp2 distributor in the MDD's place: what
// the tests of calls and of conferences start from.
#pragma once

#include "tests/unit/endpoint/distributor.h"
#include "tools/mdd-endpoint/endpoint.h"

namespace mdd::endpoint::test {

using namespace std::chrono_literals;

class CallTest : public ::testing::TestWithParam<srtp::Profile> {
  protected:
    ~CallTest() override { std::filesystem::remove_all(directory_); }

    Options options() {
        Options options;
        options.mdd = distributor_.address();
        options.bind = parse_udp_address("127.0.0.1:0");
        options.certificate = client_.cert_file;
        options.key = client_.key_file;
        options.kmf = kmf_.fingerprint();
        options.profile = GetParam();
        options.handshake.deadline = 5s;
        return options;
    }
    Options source(std::uint32_t ssrc, unsigned rate = 500) {
        auto with = options();
        with.generators.push_back({ssrc, 96, rate, 400, 65000});
        return with;
    }
    Endpoint& join(const Options& options) {
        auto& endpoint = *endpoints_.emplace_back(std::make_unique<Endpoint>(loop_, options));
        endpoint.start([] { FAIL() << "the first handshake did not come about"; });
        EXPECT_TRUE(run_until([&] { return endpoint.report()["keyed"] == true; }));
        return endpoint;
    }
    void run_for(std::chrono::milliseconds time) {
        loop_.restart();
        loop_.run_for(time);
    }
    bool run_until(const std::function<bool()>& done, std::chrono::milliseconds limit = 5s) {
        const auto end = Clock::now() + limit;
        while (!done() && Clock::now() < end) run_for(2ms);
        return done();
    }
    // Ends sending, lets what is under way arrive.
    void settle(Endpoint& sender) {
        sender.toggle_pause();
        run_for(50ms);
    }
    static void expect_clean(const nlohmann::ordered_json& report) {
        for (auto* name :
             {"lost", "reordered", "hbh_failed", "e2e_failed", "e2e_no_key", "replayed",
              "ohb_invalid", "malformed", "pattern_damaged", "send_refused"})
            EXPECT_EQ(report["rtp"][name], 0) << name;
        EXPECT_EQ(report["ekt"]["bad"], 0);
        EXPECT_EQ(report["rtcp"]["hbh_failed"], 0);
    }

    std::filesystem::path directory_ =
        std::filesystem::path(::testing::TempDir()) / ("call_" + std::to_string(::getpid()));
    bool made_ = std::filesystem::create_directories(directory_);
    boost::asio::io_context loop_{1};
    Certificate client_ = make_certificate(directory_, "client");
    Certificate kmf_ = make_certificate(directory_, "kmf");
    Distributor distributor_{loop_, kmf_, GetParam()};
    std::vector<std::unique_ptr<Endpoint>> endpoints_;
};

}  // namespace mdd::endpoint::test
