#!/usr/bin/env python3
"""Writes the wrappers of shim.c: generate.py REGISTRY OUTPUT, where REGISTRY is Khronos' vk.xml.

For each Vulkan command that ctm could call and that can fail there is a wrapper that asks `fault_of` first, and counts the objects that
it makes. Commands that destroy objects count them, too. The commands of the core are exported as well, without faults, for the Vulkan
host of the tests.
"""

import re
import sys
import xml.etree.ElementTree as ElementTree

FEATURES = ["VK_VERSION_1_0", "VK_VERSION_1_1"]
EXTENSIONS = ["VK_KHR_external_memory_fd", "VK_EXT_external_memory_host"]

# They are freed with their pools.
UNCOUNTED = ["CommandBuffer", "DescriptorSet"]

# What happens before the call, and before a fault is returned.
BEFORE = {
    "vkAllocateMemory": "pAllocateInfo = with_real_memory_type(pAllocateInfo);",
    "vkCreateBuffer": "pCreateInfo = with_real_sharing(pCreateInfo);",
    "vkCreateCommandPool": "pCreateInfo = with_real_family(pCreateInfo);",
    "vkCreateDevice": "pCreateInfo = with_real_queues(pCreateInfo);",
    "vkDeviceWaitIdle": "submit_copies();",
    "vkGetFenceStatus": "submit_copies();",
    "vkQueueWaitIdle": "submit_copies();",
    "vkWaitForFences": "submit_copies();",
}
# What is called in place of the real command.
INSTEAD = {"vkQueueSubmit": "submit"}
ON_FAULT = {
    "vkWaitForFences": "while_waiting(fault, device, timeout);",
    "vkGetFenceStatus": "while_waiting(fault, device, 0);",
    "vkDeviceWaitIdle": "while_waiting(fault, device, 0);",
    "vkQueueWaitIdle": "next_vkQueueWaitIdle(queue);",
    "vkCreateComputePipelines": "memset(pPipelines, 0, createInfoCount * sizeof *pPipelines);",
}
AFTER = {"vkGetMemoryFdPropertiesKHR": "pretend_memory_types(&pMemoryFdProperties->memoryTypeBits);",
         "vkGetMemoryHostPointerPropertiesEXT": "pretend_memory_types(&pMemoryHostPointerProperties->memoryTypeBits);"}


class Parameter:
    def __init__(self, element):
        self.name = element.find("name").text
        self.type = element.find("type").text
        self.length = (element.get("len") or "").split(",")[0]
        self.declaration = re.sub(r"\s+", " ", "".join(element.itertext()).strip())


class Command:
    def __init__(self, element):
        self.name = element.find("proto/name").text
        self.result = element.find("proto/type").text
        self.codes = [code for attribute in ("errorcodes", "successcodes")
                      for code in (element.get(attribute) or "").split(",") if code not in ("", "VK_SUCCESS")]
        self.parameters = [Parameter(child) for child in element.findall("param")]
        self.declarations = ", ".join(parameter.declaration for parameter in self.parameters)
        self.arguments = ", ".join(parameter.name for parameter in self.parameters)

    def made(self):
        """The parameter that receives new objects, if any."""
        if re.match("vk(Create|Allocate)", self.name):
            parameter = self.parameters[-1]
            if parameter.type.removeprefix("Vk") not in UNCOUNTED:
                return parameter
        return None

    def destroyed(self):
        """The parameter that holds the object to be destroyed, if any."""
        if re.match("vk(Destroy|Free)", self.name):
            parameter = self.parameters[-2]
            if not parameter.length and parameter.type.removeprefix("Vk") not in UNCOUNTED + ["uint32_t"]:
                return parameter
        return None


def commands(registry):
    """The commands of the features and extensions, and those of the features alone."""
    known = {command.name: command
             for command in (Command(e) for e in registry.iterfind("commands/command") if e.find("proto") is not None)}

    def required(path, names):
        return {e.get("name") for name in names for e in registry.iterfind(f"{path}[@name='{name}']/require/command")}

    core = required("feature", FEATURES)
    wanted = core | required("extensions/extension", EXTENSIONS)
    return ([known[name] for name in sorted(wanted) if name in known], [known[name] for name in sorted(core) if name in known])


def fallible_wrapper(command):
    made = command.made()
    lines = [f"static PFN_{command.name} next_{command.name};",
             f"static VKAPI_ATTR VkResult VKAPI_CALL wrapped_{command.name}({command.declarations})", "{"]
    if command.name in BEFORE:
        lines.append(f"    {BEFORE[command.name]}")
    lines += [f"    const VkResult fault = fault_of(FUNCTION_{command.name});",
              "    if (fault != VK_SUCCESS) {"]
    if command.name in ON_FAULT:
        lines.append(f"        {ON_FAULT[command.name]}")
    lines += ["        return fault;", "    }",
              f"    const VkResult result = {INSTEAD.get(command.name, f'next_{command.name}')}({command.arguments});"]
    if command.name in AFTER:
        lines.append(f"    {AFTER[command.name]}")
    if made:
        kind = made.type.removeprefix("Vk")
        if made.length:
            lines += [f"    for (uint32_t i = 0; result >= 0 && i < {made.length}; i++) {{",
                      f"        count_object(KIND_{kind}, {made.name}[i] != VK_NULL_HANDLE ? 1 : 0);", "    }"]
        else:
            lines.append(f"    count_object(KIND_{kind}, result >= 0 ? 1 : 0);")
    return lines + ["    return result;", "}", ""]


def destroying_wrapper(command):
    destroyed = command.destroyed()
    kind = destroyed.type.removeprefix("Vk")
    return [f"static PFN_{command.name} next_{command.name};",
            f"static VKAPI_ATTR void VKAPI_CALL wrapped_{command.name}({command.declarations})", "{",
            f"    count_object(KIND_{kind}, {destroyed.name} != VK_NULL_HANDLE ? -1 : 0);",
            f"    next_{command.name}({command.arguments});", "}", ""]


def forward(command):
    call = f"next({command.arguments});"
    return [f"VKAPI_ATTR {command.result} VKAPI_CALL {command.name}({command.declarations})", "{",
            f"    PFN_{command.name} next = (PFN_{command.name})real_symbol(\"{command.name}\");",
            f"    {call if command.result == 'void' else 'return ' + call}", "}", ""]


def main():
    registry = ElementTree.parse(sys.argv[1]).getroot()
    wanted, core = commands(registry)
    fallible = [command for command in wanted if command.result == "VkResult"]
    destroying = [command for command in wanted if command.destroyed()]
    kinds = sorted({command.destroyed().type.removeprefix("Vk") for command in destroying})

    lines = ["/* Made by generate.py. */", "", "enum {"]
    lines += [f"    FUNCTION_{command.name}," for command in fallible] + ["    FUNCTIONS", "};", "", "enum {"]
    lines += [f"    KIND_{kind}," for kind in kinds] + ["    KINDS", "};", ""]
    lines += ["static const char *const kind_names[] = {"] + [f'    "{kind}",' for kind in kinds] + ["};", ""]
    lines += ["static const struct {", "    const char *name;", "    VkResult codes[MOST_CODES]; /* A zero ends them. */",
              "} functions[] = {"]
    for command in fallible:
        # Any command may return this one.
        codes = list(dict.fromkeys(command.codes + ["VK_ERROR_UNKNOWN"]))
        lines.append(f'    {{ "{command.name}", {{ {", ".join(codes)} }} }},')
    lines += ["};", "", "static const struct {", "    const char *name;", "    VkResult code;", "} code_names[] = {"]
    lines += [f'    {{ "{code}", {code} }},' for code in sorted({c for f in fallible for c in f.codes} | {"VK_ERROR_UNKNOWN"})]
    lines += ["};", ""]
    for command in fallible:
        lines += fallible_wrapper(command)
    for command in destroying:
        lines += destroying_wrapper(command)
    lines += ["static const struct {", "    const char *name;", "    PFN_vkVoidFunction wrapper;", "    PFN_vkVoidFunction *next;",
              "} wrappers[] = {"]
    lines += [f'    {{ "{c.name}", (PFN_vkVoidFunction)wrapped_{c.name}, (PFN_vkVoidFunction *)&next_{c.name} }},'
              for c in fallible + destroying]
    lines += ["};", ""]
    for command in core:
        if command.name != "vkGetInstanceProcAddr":
            lines += forward(command)
    with open(sys.argv[2], "w", encoding="utf-8") as output:
        output.write("\n".join(lines))


main()
