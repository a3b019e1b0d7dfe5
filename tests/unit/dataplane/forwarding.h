// What the tests of forwarding have in common: beds of keyed members, with every number of workers
// and every profile. Contains no test.
#pragma once

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/support/worker_bed.h"

namespace mdd::test {

inline constexpr std::uint32_t kSsrc = 0xcafebabe;

struct Setting {
    unsigned workers;
    srtp::Profile profile;
};

class Forwarding : public testing::TestWithParam<Setting> {
  protected:
    void SetUp() override { ASSERT_EQ(srtp::aead_start(), srtp::AeadStart::ok); }

    std::unique_ptr<WorkerBed> keyed_bed(unsigned members) {
        auto bed = std::make_unique<WorkerBed>(BedOptions{
            .workers = GetParam().workers, .members = members, .profile = GetParam().profile});
        for (unsigned m = 0; m < members; ++m) bed->key(m);
        return bed;
    }
    bool is_double() const { return srtp::traits_of(GetParam().profile).is_double; }
};

// Takes all buffers for copies but a few, and gives them back.
class Shortage {
  public:
    Shortage(rte_mempool* pool, unsigned left) : buffers_(rte_mempool_avail_count(pool) - left) {
        if (rte_pktmbuf_alloc_bulk(pool, buffers_.data(), static_cast<unsigned>(buffers_.size())) !=
            0)
            throw std::runtime_error("the pool has fewer buffers than it says");
    }
    ~Shortage() { rte_pktmbuf_free_bulk(buffers_.data(), static_cast<unsigned>(buffers_.size())); }
    Shortage(const Shortage&) = delete;
    Shortage& operator=(const Shortage&) = delete;
    std::vector<rte_mbuf*>& buffers() { return buffers_; }

  private:
    std::vector<rte_mbuf*> buffers_;
};

inline std::vector<std::uint16_t> originals(const std::vector<Received>& received) {
    std::vector<std::uint16_t> sequences;
    for (const auto& packet : received) sequences.push_back(packet.original_sequence);
    return sequences;
}

inline const auto kSettings = testing::Values(
    Setting{1, srtp::Profile::double_aes_128_gcm}, Setting{2, srtp::Profile::double_aes_128_gcm},
    Setting{2, srtp::Profile::double_aes_256_gcm}, Setting{1, srtp::Profile::aead_aes_128_gcm},
    Setting{2, srtp::Profile::aead_aes_256_gcm});

inline std::string name_of_setting(const testing::TestParamInfo<Setting>& setting) {
    return std::to_string(setting.param.workers) + "_workers_profile_" +
           std::to_string(static_cast<int>(setting.param.profile));
}

}  // namespace mdd::test
