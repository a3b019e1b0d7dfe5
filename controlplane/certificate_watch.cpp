// A timer, and four sentences.
#include "controlplane/certificate_watch.h"

#include <fmt/chrono.h>
#include <spdlog/spdlog.h>

#include <stdexcept>

#include "kmf-tunnel/credentials.h"

namespace mdd::control {

using std::chrono::hours;

Remaining remaining(std::chrono::system_clock::time_point expiry,
                    std::chrono::system_clock::time_point now) {
    if (expiry <= now) return Remaining::none;
    if (expiry - now <= hours(24)) return Remaining::days_1;
    if (expiry - now <= 7 * hours(24)) return Remaining::days_7;
    if (expiry - now <= 30 * hours(24)) return Remaining::days_30;
    return Remaining::plenty;
}

void CertificateWatch::watch(std::vector<CertificateFile> files) {
    files_ = std::move(files);
    said_.clear();
    look(std::chrono::system_clock::now());
    arm();
}

void CertificateWatch::arm() {
    timer_.expires_after(hours(24));
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        look(std::chrono::system_clock::now());
        arm();
    });
}

void CertificateWatch::look(std::chrono::system_clock::time_point now) {
    for (const auto& [name, file] : files_) {
        try {
            const auto expiry = tunnel::certificate_expiry(file);
            const auto left = remaining(expiry, now);
            if (std::exchange(said_[name], left) >= left) continue;
            const auto until = fmt::gmtime(std::chrono::system_clock::to_time_t(expiry));
            if (left == Remaining::none)
                spdlog::error("ALARM: the certificate of [tls.{}] has expired ({:%F %T} UTC): {}",
                              name, until, file);
            else
                spdlog::warn(
                    "the certificate of [tls.{}] expires in less than {} day(s) ({:%F %T} "
                    "UTC): {}",
                    name,
                    left == Remaining::days_1   ? 1
                    : left == Remaining::days_7 ? 7
                                                : 30,
                    until, file);
        } catch (const std::runtime_error& error) {
            spdlog::warn("{}", error.what());
        }
    }
}

}  // namespace mdd::control
