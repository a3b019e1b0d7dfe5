// EAL's argv, what is refused before EAL starts, and worker threads.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "tests/support/ring_port.h"

namespace mdd {
namespace {

bool has(const std::vector<std::string>& arguments, const std::string& wanted) {
    return std::find(arguments.begin(), arguments.end(), wanted) != arguments.end();
}

std::string refusal(const EalConfig& config) {
    try {
        preflight(config);
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "";
}

TEST(EalArguments, without_hugepages_memory_is_ordinary_and_nothing_is_shared) {
    EalConfig config;
    config.no_huge_mib = 96;
    config.devices = {"net_tap0,iface=dtap0"};
    const auto arguments = eal_arguments(config);
    EXPECT_EQ(arguments[0], "mdd");
    for (const char* wanted : {"--no-huge", "--no-shconf", "-m", "96", "--no-pci", "--no-telemetry",
                               "--main-lcore=0", "--lcores=0@(0),1@(0)"})
        EXPECT_TRUE(has(arguments, wanted)) << wanted;
    EXPECT_FALSE(has(arguments, "--in-memory"));
}

TEST(EalArguments, hugepages_stay_in_memory_on_every_node) {
    EalConfig config;
    config.hugepages_mib = {1024, 0, 512};
    const auto arguments = eal_arguments(config);
    EXPECT_TRUE(has(arguments, "--in-memory"));
    EXPECT_TRUE(has(arguments, "--socket-mem=1024,0,512"));
    EXPECT_FALSE(has(arguments, "--no-huge"));
}

TEST(EalArguments, workers_are_numbered_apart_from_their_cpus) {
    EalConfig config;
    config.control_cpus = {0, 1};
    config.worker_cpus = {1, 7, 1};
    EXPECT_TRUE(has(eal_arguments(config), "--lcores=0@(0,1),1@(1),2@(7),3@(1)"));
}

TEST(EalArguments, only_pci_devices_are_allowed_to_be_probed) {
    EalConfig config;
    config.devices = {"net_null0", "0000:8a:00.0", "03:00.1"};
    config.extra_args = {"--iova-mode=va"};
    const auto arguments = eal_arguments(config);
    EXPECT_TRUE(has(arguments, "--allow=0000:8a:00.0"));
    EXPECT_TRUE(has(arguments, "--allow=03:00.1"));
    EXPECT_FALSE(has(arguments, "--no-pci"));
    EXPECT_EQ(arguments.back(), "--iova-mode=va");
    for (const char* text : {"net_null0", "0000:8a:00", "8a:00.0,x", "000g:8a:00.0", ""})
        EXPECT_FALSE(is_pci_address(text)) << text;
}

TEST(EalArguments, two_processes_get_two_prefixes) {
    EXPECT_TRUE(has(eal_arguments({}), "--file-prefix=mdd-" + std::to_string(getpid())));
    EalConfig config;
    config.file_prefix = "mine";
    EXPECT_TRUE(has(eal_arguments(config), "--file-prefix=mine"));
}

TEST(EalPreflight, names_the_cpu_that_is_not_there) {
    EalConfig config;
    config.worker_cpus = {1023};
    const std::string text = refusal(config);
    EXPECT_NE(text.find("CPU 1023 is configured for a worker"), std::string::npos) << text;
    config = {};
    config.control_cpus = {4096};
    EXPECT_NE(refusal(config).find("CPU 4096 is configured for control"), std::string::npos);
    config.control_cpus.clear();
    EXPECT_EQ(refusal(config), "no CPU is named for control.");
    config = {};
    config.worker_cpus.assign(128, 0);
    EXPECT_NE(refusal(config).find("at most 127"), std::string::npos);
}

TEST(EalPreflight, says_how_many_hugepages_are_missing) {
    EalConfig config;
    config.hugepages_mib = {1u << 30};
    const std::string text = refusal(config);
    EXPECT_NE(text.find("NUMA node 0 has "), std::string::npos) << text;
    EXPECT_NE(text.find("1073741824 MiB are configured"), std::string::npos) << text;
    config.hugepages_mib = {0, 1};  // a node that is not there has none
    EXPECT_NE(refusal(config).find("NUMA node 1 has 0 MiB"), std::string::npos);
}

TEST(EalPreflight, names_the_pci_device_that_is_missing) {
    EalConfig config;
    config.devices = {"net_null0", "ffff:ff:1f.7"};
    EXPECT_NE(refusal(config).find("no PCI device has the address ffff:ff:1f.7"),
              std::string::npos);
    config.devices = {"net_null0"};
    EXPECT_EQ(refusal(config), "");
}

TEST(Eal, runs_every_worker_on_its_own_thread_and_can_run_it_again) {
    Eal& eal = test::test_eal();
    ASSERT_EQ(eal.worker_count(), test::kTestWorkers);
    std::thread::id threads[test::kTestWorkers];
    for (int round = 0; round < 2; ++round) {
        // All must be alive at once: each waits for the others.
        std::atomic<unsigned> arrived = 0;
        for (unsigned worker = 0; worker < test::kTestWorkers; ++worker)
            eal.launch_worker(worker, [&, worker] {
                threads[worker] = std::this_thread::get_id();
                for (++arrived; arrived < test::kTestWorkers;) std::this_thread::yield();
            });
        for (unsigned worker = 0; worker < test::kTestWorkers; ++worker) eal.join(worker);
        EXPECT_NE(threads[0], threads[1]);
        EXPECT_NE(threads[0], std::this_thread::get_id());
    }
}

TEST(Eal, refuses_to_launch_a_worker_that_runs) {
    Eal& eal = test::test_eal();
    std::atomic<bool> stop = false;
    eal.launch_worker(0, [&] {
        while (!stop) std::this_thread::yield();
    });
    EXPECT_THROW(eal.launch_worker(0, [] {}), std::runtime_error);
    stop = true;
    eal.join(0);
}

bool is_hard() {
    rlimit limit{};
    getrlimit(RLIMIT_CORE, &limit);
#if !defined(__SANITIZE_ADDRESS__)
    if (prctl(PR_GET_DUMPABLE) != 0) return false;
#endif
    return limit.rlim_cur == 0 && limit.rlim_max == 0;
}

TEST(Process, is_hardened_against_cores_and_dead_pipes) {
    const auto in_a_child = [] {
        harden_process();
        raise(SIGPIPE);
        _exit(is_hard() ? 0 : 1);
    };
    EXPECT_EXIT(in_a_child(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace mdd
