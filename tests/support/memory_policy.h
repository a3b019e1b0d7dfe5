// What the kernel has been told about the place of memory.
#pragma once

#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <optional>

namespace mdd::test {

// The NUMA node that memory is to be placed on if that has room; none: nobody has said so.
inline std::optional<int> preferred_node(const void* memory) {
    constexpr std::size_t kBits = 1024, kWordBits = 8 * sizeof(unsigned long);
    std::array<unsigned long, kBits / kWordBits> nodes{};
    int mode = MPOL_DEFAULT;
    if (syscall(SYS_get_mempolicy, &mode, nodes.data(), kBits, memory, MPOL_F_ADDR) != 0 ||
        mode != MPOL_PREFERRED)
        return std::nullopt;
    for (std::size_t bit = 0; bit < kBits; ++bit)
        if ((nodes[bit / kWordBits] >> bit % kWordBits & 1) != 0) return static_cast<int>(bit);
    return std::nullopt;
}

}  // namespace mdd::test
