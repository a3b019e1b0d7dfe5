// A link and the KMF that it finds, on loopback, each on its own event loop; for both dialects.
#pragma once

#include <gtest/gtest.h>

#include <optional>

#include "tests/unit/tunnel/loopback.h"

namespace mdd::test {

class LinkBed : public ::testing::Test {
  protected:
    explicit LinkBed(tunnel::Dialect dialect) : dialect_(dialect) {}

    static TestPki& pki() {
        static TestPki made;
        return made;
    }
    void make_kmf(std::uint16_t port = 0) {
        kmf_.emplace(kmf_credentials_, port, kmf_session_, 64, std::vector{dialect_});
    }
    tunnel::LinkConfig link_config(std::uint16_t port) {
        return link_to(port, mdd_credentials_, dialect_);
    }
    void make_link(std::uint16_t port) { make_link(link_config(port)); }
    void make_link(const tunnel::LinkConfig& config) {
        link_.emplace(io_, config, record_);
        link_->start();
    }
    bool until(const std::function<bool()>& done) {
        if (!kmf_) return run_until(done, {&io_});
        return run_until(done, {&io_, &kmf_->io});
    }
    bool come_up() {
        return until([&] { return link_->is_up() && kmf_->listener.tunnels_up() == 1; });
    }

    const tunnel::Dialect dialect_;
    tunnel::Credentials mdd_credentials_ = pki().credentials("mdd-1");
    tunnel::Credentials kmf_credentials_ = pki().credentials("kmf-a");
    tunnel::SessionConfig kmf_session_;
    boost::asio::io_context io_;
    std::optional<Kmf> kmf_;
    LinkRecord record_;
    std::optional<tunnel::Link> link_;
};

}  // namespace mdd::test
