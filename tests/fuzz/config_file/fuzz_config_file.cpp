// Any text as mdd.toml: it is read or refused with printable errors that stand inside the text;
// nothing else happens.
#include <sstream>

#include "controlplane/config/mdd_config.h"
#include "tests/support/fuzz_input.h"

using namespace mdd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    const test::ExactCopy input(data, size_bytes);
    const std::string_view text(reinterpret_cast<const char*>(input.bytes().data()), size_bytes);
    const config::Machine machine{{0, 1, 2, 3}, {}, 0};
    const auto loaded = config::parse_mdd_config(
        text, "mdd.toml", {.folder = "/etc/mdd", .check_files = false}, machine);
    if (const auto* accepted = std::get_if<config::MddConfig>(&loaded)) {
        test::must(!accepted->ports.empty() && !accepted->kmf.empty() && !accepted->tls.empty());
        test::must(!accepted->cpu.workers.empty() && !explain(*accepted).empty());
        for (const auto& port : accepted->ports) {
            test::must(port.rx_queues >= 1 && port.rx_queues <= accepted->cpu.workers.size());
            test::must(port.tx_queues >= accepted->cpu.workers.size());
        }
        for (const auto& kmf : accepted->kmf) test::must(accepted->tls.contains(kmf.tls));
        return 0;
    }
    const auto& errors = std::get<config::ConfigErrors>(loaded);
    test::must(!errors.empty());
    const auto lines = static_cast<unsigned>(std::count(text.begin(), text.end(), '\n')) + 1;
    for (const auto& error : errors.all()) {
        test::must(error.place.line <= lines);
        test::must(!error.complaint.text.empty() && !error.complaint.help.empty());
    }
    std::ostringstream printed;
    errors.print(printed);
    test::must(printed.str().find('\x1b') == std::string::npos);
    return 0;
}
