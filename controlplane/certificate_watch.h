// Says in the log when certificates are about to expire: 30, 7 and 1 days before, and when they
// have. Looks at them once a day; renews nothing.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mdd::control {

enum class Remaining : std::uint8_t { plenty, days_30, days_7, days_1, none };
// Pure.
Remaining remaining(std::chrono::system_clock::time_point expiry,
                    std::chrono::system_clock::time_point now);

struct CertificateFile {
    std::string name;  // of its [tls.NAME]
    std::string file;
};

class CertificateWatch {
  public:
    explicit CertificateWatch(boost::asio::io_context& io) : timer_(io) {}

    // Looks at these at once, and then once a day.
    void watch(std::vector<CertificateFile> files);
    // Looks now; says what has become worse since the last time.
    void look(std::chrono::system_clock::time_point now);

  private:
    void arm();

    std::vector<CertificateFile> files_;
    std::map<std::string, Remaining> said_;  // by name
    boost::asio::steady_timer timer_;
};

}  // namespace mdd::control
