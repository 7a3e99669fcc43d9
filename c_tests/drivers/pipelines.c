/*
 * Makes the pipelines that recording_layer.c has written down, on the first device, and prints what its compiler says of
 * each: pipelines FOLDER. Lines of three or four fields, which tabs separate:
 *
 *     device   NAME          DRIVER
 *     LINE     STATISTIC     VALUE       of the pipeline of that line of FOLDER/pipelines, from 0 on
 */

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vulkan.h>

#define CHECK_VK(call) CHECK((call) == VK_SUCCESS)

enum { MOST_CONSTANTS = 16, MOST_BINDINGS = 16, MOST_RANGES = 4, MOST_MODULE_BYTES = 1 << 20 };

/* One line of the record. */
typedef struct {
    unsigned module;
    VkSpecializationMapEntry entries[MOST_CONSTANTS];
    uint32_t constants[MOST_CONSTANTS], constant_count;
    VkDescriptorSetLayoutBinding bindings[MOST_BINDINGS];
    uint32_t binding_count;
    VkPushConstantRange ranges[MOST_RANGES];
    uint32_t range_count;
} record;

static void read_word(record *record, const char *word)
{
    unsigned a, b, c;
    if (sscanf(word, "module=%u", &a) == 1) {
        record->module = a;
    } else if (sscanf(word, "constant=%u:%u", &a, &b) == 2) {
        const uint32_t i = record->constant_count++;
        CHECK(i < MOST_CONSTANTS);
        record->entries[i] = (VkSpecializationMapEntry){ a, i * (uint32_t)sizeof b, sizeof b };
        record->constants[i] = b;
    } else if (sscanf(word, "binding=%u:%u:%u", &a, &b, &c) == 3) {
        CHECK(record->binding_count < MOST_BINDINGS);
        record->bindings[record->binding_count++] =
            (VkDescriptorSetLayoutBinding){ a, (VkDescriptorType)b, c, VK_SHADER_STAGE_COMPUTE_BIT, NULL };
    } else if (sscanf(word, "push=%u:%u", &a, &b) == 2) {
        CHECK(record->range_count < MOST_RANGES);
        record->ranges[record->range_count++] = (VkPushConstantRange){ VK_SHADER_STAGE_COMPUTE_BIT, a, b };
    } else {
        check_failed(__FILE__, __LINE__, word);
    }
}

static VkDevice open_device(VkInstance instance)
{
    uint32_t count = 1;
    VkPhysicalDevice physical;
    const VkResult found = vkEnumeratePhysicalDevices(instance, &count, &physical);
    CHECK((found == VK_SUCCESS || found == VK_INCOMPLETE) && count == 1);
    VkPhysicalDeviceDriverProperties driver = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES };
    VkPhysicalDeviceProperties2 properties = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                               .pNext = &driver };
    vkGetPhysicalDeviceProperties2(physical, &properties);
    printf("device\t%s\t%s\n", properties.properties.deviceName, driver.driverInfo);

    vkGetPhysicalDeviceQueueFamilyProperties(physical, &count, NULL);
    VkQueueFamilyProperties *families = allocate(count * sizeof *families, 0);
    vkGetPhysicalDeviceQueueFamilyProperties(physical, &count, families);
    uint32_t family = 0;
    while ((families[family].queueFlags & VK_QUEUE_COMPUTE_BIT) == 0) {
        family++;
        CHECK(family < count);
    }
    free(families);
    const float priority = 1;
    const VkDeviceQueueCreateInfo queue = { .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                            .queueFamilyIndex = family,
                                            .queueCount = 1,
                                            .pQueuePriorities = &priority };
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR statistics = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR,
        .pipelineExecutableInfo = VK_TRUE
    };
    static const char *const extension = VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME;
    const VkDeviceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                      .pNext = &statistics,
                                      .queueCreateInfoCount = 1,
                                      .pQueueCreateInfos = &queue,
                                      .enabledExtensionCount = 1,
                                      .ppEnabledExtensionNames = &extension };
    VkDevice device;
    CHECK_VK(vkCreateDevice(physical, &info, NULL, &device));
    return device;
}

static VkShaderModule read_module(VkDevice device, const char *folder, unsigned number)
{
    char path[4096];
    CHECK(snprintf(path, sizeof path, "%s/%u.spv", folder, number) < (int)sizeof path);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    uint32_t *words = allocate(MOST_MODULE_BYTES, 0);
    const size_t size = fread(words, 1, MOST_MODULE_BYTES, file);
    CHECK(size > 0 && size < MOST_MODULE_BYTES && size % sizeof *words == 0);
    fclose(file);
    const VkShaderModuleCreateInfo info = { .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                            .codeSize = size,
                                            .pCode = words };
    VkShaderModule module;
    CHECK_VK(vkCreateShaderModule(device, &info, NULL, &module));
    free(words);
    return module;
}

static void print_statistics(VkDevice device, VkPipeline pipeline, int line)
{
    const PFN_vkGetPipelineExecutablePropertiesKHR get_executables =
        (PFN_vkGetPipelineExecutablePropertiesKHR)vkGetDeviceProcAddr(device, "vkGetPipelineExecutablePropertiesKHR");
    const PFN_vkGetPipelineExecutableStatisticsKHR get_statistics =
        (PFN_vkGetPipelineExecutableStatisticsKHR)vkGetDeviceProcAddr(device, "vkGetPipelineExecutableStatisticsKHR");
    const VkPipelineInfoKHR of = { .sType = VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR, .pipeline = pipeline };
    uint32_t executables = 0;
    CHECK_VK(get_executables(device, &of, &executables, NULL));
    CHECK(executables == 1);
    const VkPipelineExecutableInfoKHR info = { .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR,
                                               .pipeline = pipeline };
    uint32_t count = 0;
    CHECK_VK(get_statistics(device, &info, &count, NULL));
    VkPipelineExecutableStatisticKHR *statistics = allocate(count * sizeof *statistics, 0);
    for (uint32_t i = 0; i < count; i++) {
        statistics[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
    }
    CHECK_VK(get_statistics(device, &info, &count, statistics));
    for (uint32_t i = 0; i < count; i++) {
        const VkPipelineExecutableStatisticValueKHR value = statistics[i].value;
        switch (statistics[i].format) {
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_FLOAT64_KHR:
            printf("%d\t%s\t%.17g\n", line, statistics[i].name, value.f64);
            break;
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR:
            printf("%d\t%s\t%lld\n", line, statistics[i].name, (long long)value.i64);
            break;
        default: printf("%d\t%s\t%llu\n", line, statistics[i].name, (unsigned long long)value.u64);
        }
    }
    free(statistics);
}

static void make(VkDevice device, const char *folder, const record *record, int line)
{
    const VkDescriptorSetLayoutCreateInfo set_info = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                                       .bindingCount = record->binding_count,
                                                       .pBindings = record->bindings };
    VkDescriptorSetLayout set;
    CHECK_VK(vkCreateDescriptorSetLayout(device, &set_info, NULL, &set));
    const VkPipelineLayoutCreateInfo layout_info = { .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                                     .setLayoutCount = 1,
                                                     .pSetLayouts = &set,
                                                     .pushConstantRangeCount = record->range_count,
                                                     .pPushConstantRanges = record->ranges };
    VkPipelineLayout layout;
    CHECK_VK(vkCreatePipelineLayout(device, &layout_info, NULL, &layout));
    const VkSpecializationInfo constants = { record->constant_count, record->entries,
                                             record->constant_count * sizeof *record->constants, record->constants };
    const VkShaderModule module = read_module(device, folder, record->module);
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .flags = VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR,
        .stage = { .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                   .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                   .module = module,
                   .pName = "main",
                   .pSpecializationInfo = &constants },
        .layout = layout
    };
    VkPipeline pipeline;
    CHECK_VK(vkCreateComputePipelines(device, VK_NULL_HANDLE, 1, &info, NULL, &pipeline));
    print_statistics(device, pipeline, line);
    vkDestroyPipeline(device, pipeline, NULL);
    vkDestroyShaderModule(device, module, NULL);
    vkDestroyPipelineLayout(device, layout, NULL);
    vkDestroyDescriptorSetLayout(device, set, NULL);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    const VkApplicationInfo application = { .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                            .apiVersion = VK_API_VERSION_1_2 };
    const VkInstanceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                        .pApplicationInfo = &application };
    VkInstance instance;
    CHECK_VK(vkCreateInstance(&info, NULL, &instance));
    const VkDevice device = open_device(instance);

    char path[4096], line[4096];
    CHECK(snprintf(path, sizeof path, "%s/pipelines", argv[1]) < (int)sizeof path);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    for (int number = 0; fgets(line, sizeof line, file) != NULL; number++) {
        CHECK(strchr(line, '\n') != NULL);
        record record = { 0 };
        for (char *word = strtok(line, " \n"); word != NULL; word = strtok(NULL, " \n")) {
            read_word(&record, word);
        }
        make(device, argv[1], &record, number);
    }
    fclose(file);
    vkDestroyDevice(device, NULL);
    vkDestroyInstance(instance, NULL);
    return 0;
}
