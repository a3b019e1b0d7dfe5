// When the log speaks of a certificate's end, and that it says so once.
#include "controlplane/certificate_watch.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <sstream>

#include "tests/support/test_pki.h"

namespace mdd::control {
namespace {

using std::chrono::hours;
using SystemTime = std::chrono::system_clock::time_point;

TEST(Remaining, TurnsWorseAt30And7And1DaysAndAtTheEnd) {
    const SystemTime end{hours(24 * 365)};
    EXPECT_EQ(remaining(end, end - hours(24 * 30 + 1)), Remaining::plenty);
    EXPECT_EQ(remaining(end, end - hours(24 * 30)), Remaining::days_30);
    EXPECT_EQ(remaining(end, end - hours(24 * 7 + 1)), Remaining::days_30);
    EXPECT_EQ(remaining(end, end - hours(24 * 7)), Remaining::days_7);
    EXPECT_EQ(remaining(end, end - hours(24)), Remaining::days_1);
    EXPECT_EQ(remaining(end, end - std::chrono::seconds(1)), Remaining::days_1);
    EXPECT_EQ(remaining(end, end), Remaining::none);
}

class CertificateWatchTest : public testing::Test {
  protected:
    CertificateWatchTest() : before_(spdlog::default_logger()) {
        spdlog::set_default_logger(std::make_shared<spdlog::logger>(
            "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)));
    }
    ~CertificateWatchTest() override { spdlog::set_default_logger(before_); }
    std::string said() {
        auto text = text_.str();
        text_.str({});
        return text;
    }

    std::shared_ptr<spdlog::logger> before_;
    std::ostringstream text_;
    test::TestPki pki_;
    boost::asio::io_context io_;
    CertificateWatch watch_{io_};
};

TEST_F(CertificateWatchTest, WarnsOnceADayBeforeAndRaisesTheAlarmAtTheEnd) {
    const auto now = std::chrono::system_clock::now();
    watch_.watch({{"default", pki_.issue("node").cert_file}});
    EXPECT_NE(said().find("[tls.default] expires in less than 1 day(s)"), std::string::npos);
    watch_.look(now);
    EXPECT_EQ(said(), "");
    watch_.look(now + hours(48));
    const auto end = said();
    EXPECT_NE(end.find("ALARM"), std::string::npos);
    EXPECT_NE(end.find("has expired"), std::string::npos);
    watch_.look(now + hours(72));
    EXPECT_EQ(said(), "");
}

TEST_F(CertificateWatchTest, SpeaksUpForEachThresholdThatIsPassed) {
    const auto now = std::chrono::system_clock::now();
    watch_.watch({{"default", pki_.issue("node").cert_file}});
    said();
    CertificateWatch early(io_);
    early.watch({});
    watch_.watch({{"default", "/no/such/file.pem"}});
    EXPECT_NE(said().find("/no/such/file.pem"), std::string::npos);
    watch_.look(now);
    EXPECT_NE(said(), "") << "it is still not there";
}

}  // namespace
}  // namespace mdd::control
