//! The stages' compiled shaders, and what Rust knows of them: bindings, push constants, specialisation constants.
//!
//! The modules of `shaders/spirv` are committed; `scripts/shaders` writes them. Nothing is read out of them at run time:
//! what Rust knows is written down here, once, and the tests below compare it with the modules. With the feature
//! `compile-shaders` the modules are those that vulkano-shaders makes of the sources, and the push constants are compared
//! with the structs that it makes, name by name.

use bytemuck::NoUninit;

/// A compiled shader.
#[derive(Debug)]
pub(crate) struct Shader {
    /// The module.
    #[cfg(any(test, not(feature = "compile-shaders")))]
    pub(crate) words: &'static [u32],
    /// Compiles nothing either: gives the module that vulkano-shaders has compiled.
    #[cfg(feature = "compile-shaders")]
    pub(crate) load: Load,
    /// The numbers of its bindings in set 0, each of which is one storage buffer.
    pub(crate) bindings: &'static [u32],
    /// Offset and size of each of its push constants.
    push_constants: &'static [(usize, usize)],
}

#[cfg(feature = "compile-shaders")]
type Load =
    fn(
        std::sync::Arc<vulkano::device::Device>,
    )
        -> Result<std::sync::Arc<vulkano::shader::ShaderModule>, vulkano::Validated<vulkano::VulkanError>>;

impl Shader {
    /// Bytes of its push constants.
    pub(crate) fn push_constant_bytes(&self) -> u32 {
        // Lossless: they are a few words.
        self.push_constants.iter().map(|(offset, size)| offset + size).max().unwrap_or(0) as u32
    }
}

/// The words of a module, whose bytes are little-endian.
#[cfg(any(test, not(feature = "compile-shaders")))]
const fn words<const WORDS: usize>(bytes: &[u8]) -> [u32; WORDS] {
    assert!(bytes.len() == 4 * WORDS);
    let mut words = [0; WORDS];
    let mut index = 0;
    while index < WORDS {
        let at = 4 * index;
        words[index] = u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        index += 1;
    }
    words
}

/// Defines the shaders: name, source with the macro of the variant, struct of push constants, bindings.
macro_rules! shaders {
    ($($name:ident = $module:ident: $path:literal $($macro:literal)?, $dispatch:ident, $bindings:expr;)+) => {
        $(pub(crate) static $name: Shader = Shader {
            #[cfg(any(test, not(feature = "compile-shaders")))]
            words: {
                const BYTES: &[u8] = include_bytes!(concat!(
                    env!("CARGO_MANIFEST_DIR"), "/shaders/spirv/", stringify!($module), ".spv"
                ));
                static WORDS: [u32; BYTES.len() / 4] = words(BYTES);
                &WORDS
            },
            #[cfg(feature = "compile-shaders")]
            load: compiled::$module::load,
            bindings: &$bindings,
            push_constants: $dispatch::FIELDS,
        };)+

        /// The shaders with their modules' names, sources and macros.
        #[cfg(test)]
        static ALL: &[(&Shader, &str, &str, &str)] =
            &[$((&$name, stringify!($module), $path, concat!($($macro)?)),)+];

        /// What vulkano-shaders makes of the sources.
        #[cfg(feature = "compile-shaders")]
        mod compiled {
            $(#[allow(missing_docs, unreachable_pub)]
            pub(super) mod $module {
                vulkano_shaders::shader! { ty: "compute", path: $path $(, define: [($macro, "")])? }
            })+
        }
    };
}

shaders! {
    FINGERPRINTS = fingerprints: "shaders/fingerprints.comp", FingerprintsDispatch, [0, 1];
    COUNT_INDICES = count_indices: "shaders/count.comp" "INDICES", CountDispatch, [0, 1, 2, 3, 4];
    COUNT_WANTED = count_wanted: "shaders/count.comp" "WANTED", CountDispatch, [0, 1, 2, 3, 4];
    COUNT_BUCKETS = count_buckets: "shaders/count.comp" "BUCKETS", CountDispatch, [0, 2];
    COLLECT = collect: "shaders/collect.comp", CollectDispatch, [1, 2, 3];
    COLLECT_COLORS = collect_colors: "shaders/collect.comp" "COLORS", CollectColorsDispatch, [0, 1, 2, 3];
    LABEL = label: "shaders/label.comp", LabelDispatch, [0, 1, 2, 5];
    LABEL_COLORS = label_colors: "shaders/label.comp" "COLORS", LabelDispatch, [0, 1, 2, 3, 4, 5];
    EXPAND = expand: "shaders/expand.comp", ExpandDispatch, [0, 1, 2];
}

/// A struct of push constants, as the shaders of some modules declare it.
macro_rules! push_constants {
    ($(#[$doc:meta])* $name:ident of $modules:tt $fields:tt) => {
        push_constants!(@define [$(#[$doc])*] $name $fields);
        push_constants!(@compare_all $name $modules $fields);
    };
    (@define [$(#[$doc:meta])*] $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, NoUninit)]
        #[repr(C)]
        pub(crate) struct $name {
            $($(#[$field_doc])* pub(crate) $field: $type,)+
        }

        impl $name {
            /// Offset and size of each.
            const FIELDS: &[(usize, usize)] = &[$((std::mem::offset_of!($name, $field), size_of::<$type>()),)+];
        }
    };
    (@compare_all $name:ident [$($module:ident)+] $fields:tt) => {
        $(push_constants!(@compare $name $module $fields);)+
    };
    // They lie where vulkano-shaders has them, and there are no others.
    (@compare $name:ident $module:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)+ }) => {
        #[cfg(feature = "compile-shaders")]
        const _: () = {
            use compiled::$module::Dispatch;
            $(assert!(std::mem::offset_of!($name, $field) == std::mem::offset_of!(Dispatch, $field));)+
            assert!(size_of::<$name>() == size_of::<Dispatch>());
        };
    };
}

push_constants! {
    /// What a dispatch of the stage fingerprints works on.
    FingerprintsDispatch of [fingerprints] {
        /// The chunk's first word in the buffer.
        first_word: u32,
        /// Even.
        first_pixel: u32,
        end_pixel: u32,
        /// Of the hash, one for each channel.
        factors: [u32; 4],
    }
}

push_constants! {
    /// What a dispatch of the stage count works on.
    CountDispatch of [count_indices count_wanted count_buckets] {
        /// The chunk's first word in the buffer.
        first_word: u32,
        /// Even.
        first_pixel: u32,
        end_pixel: u32,
        /// Slots of the table − 1; their number is a power of two.
        slot_mask: u32,
        max_probes: u32,
        /// Of the table's hash.
        seed: u32,
        /// Of a colour's hash, the bits that do not tell its bucket.
        bucket_shift: u32,
        bucket_seed: u32,
    }
}

push_constants! {
    /// What a dispatch of the stage collect works on.
    CollectDispatch of [collect] {
        first_slot: u32,
        end_slot: u32,
        min_pixels: u32,
        /// That the list has room for.
        most_entries: u32,
        /// Of the table.
        slots: u32,
    }
}

push_constants! {
    /// What a dispatch that reads pixels for the host works on.
    CollectColorsDispatch of [collect_colors] {
        /// The chunk's first word in the buffer.
        first_word: u32,
        /// Of the list of pixels.
        first_pixel: u32,
        end_pixel: u32,
    }
}

push_constants! {
    /// What a dispatch of the stage label works on.
    LabelDispatch of [label label_colors] {
        /// The chunk's first word in the buffer.
        first_word: u32,
        /// A multiple of 4.
        first_pixel: u32,
        end_pixel: u32,
        /// Slots of the palette's table − 1; their number is a power of two.
        slot_mask: u32,
        seed: u32,
        /// Each colour of the table is found within so many.
        max_probes: u32,
        /// 1: adds to the labels of the palette's parts before.
        keep: u32,
        /// Whether pixels have fingerprints.
        fingerprinted: u32,
    }
}

push_constants! {
    /// What a dispatch of the stage expand works on.
    ExpandDispatch of [expand] {
        first_pixel: u32,
        end_pixel: u32,
        /// Of the chunk's pixel 0 in the first plane.
        first_word: u32,
        /// From a plane to the next.
        plane_words: u32,
        /// That of the first plane's mask.
        first_label: u32,
        plane_count: u32,
    }
}

/// Numbers of specialisation constants, each with its name in the shaders. One number has one meaning in all of them.
macro_rules! constants {
    ($($(#[$doc:meta])* $name:ident = $id:literal,)+) => {
        /// The numbers of specialisation constants.
        pub(crate) mod constant {
            $($(#[$doc])* pub(crate) const $name: u32 = $id;)+

            #[cfg(test)]
            pub(super) const ALL: &[(&str, u32)] = &[$((stringify!($name), $id),)+];
        }
    };
}

constants! {
    CHANNELS = 0,
    /// Invocations of a workgroup.
    WORKGROUP_SIZE = 1,
    ITEMS_PER_INVOCATION = 2,
    /// 1: an invocation's items are consecutive.
    BLOCKED = 3,
    /// Slots of a workgroup's own table of counts.
    WORKGROUP_SLOTS = 4,
    LABEL_BITS = 5,
    /// Of a table's counts.
    COPIES = 6,
    /// 1: words are integers, else floats.
    INTEGERS = 7,
    PIXEL_BYTES = 8,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use vulkano::descriptor_set::layout::DescriptorType;
    use vulkano::shader::reflect;
    use vulkano::shader::spirv::{BuiltIn, Decoration, ExecutionModel, Id, Instruction, Spirv, StorageClass};

    use super::*;
    use crate::backend::vulkan::device::stage::{Counting, PixelWords, Stage};
    use crate::types::options::DeviceLimits;
    use crate::types::outputs::LabelWidth;

    fn module(shader: &Shader) -> Spirv {
        Spirv::new(shader.words).unwrap()
    }

    /// The number of the specialisation constant that an id stands for.
    fn specialization_id(spirv: &Spirv, id: Id) -> Option<u32> {
        spirv.id(id).decorations().iter().find_map(|decoration| match decoration {
            Instruction::Decorate {
                decoration: Decoration::SpecId { specialization_constant_id }, ..
            } => Some(*specialization_constant_id),
            _ => None,
        })
    }

    /// Bytes of a type.
    fn size_of_type(spirv: &Spirv, id: Id) -> usize {
        match *spirv.id(id).instruction() {
            Instruction::TypeInt { width, .. } => width as usize / 8,
            Instruction::TypeArray { element_type, length, .. } => {
                let Instruction::Constant { ref value, .. } = *spirv.id(length).instruction() else {
                    panic!("the length of an array is not constant")
                };
                value[0] as usize * size_of_type(spirv, element_type)
            }
            ref other => panic!("{other:?} is not known here"),
        }
    }

    /// Offset and size of each member of the block of push constants.
    fn push_constants(spirv: &Spirv) -> Vec<(usize, usize)> {
        let pointer = spirv.global_variables().iter().find_map(|variable| match *variable {
            Instruction::Variable { result_type_id, storage_class: StorageClass::PushConstant, .. } => {
                Some(result_type_id)
            }
            _ => None,
        });
        let Instruction::TypePointer { ty, .. } = *spirv.id(pointer.unwrap()).instruction() else { panic!() };
        let block = spirv.id(ty);
        let Instruction::TypeStruct { ref member_types, .. } = *block.instruction() else { panic!() };
        let offset = |decorations: &[Instruction]| {
            decorations.iter().find_map(|decoration| match *decoration {
                Instruction::MemberDecorate { decoration: Decoration::Offset { byte_offset }, .. } => {
                    Some(byte_offset as usize)
                }
                _ => None,
            })
        };
        let offsets = block.members().iter().map(|member| offset(member.decorations()).unwrap());
        offsets.zip(member_types.iter().map(|&member| size_of_type(spirv, member))).collect()
    }

    #[test]
    fn modules_have_the_bindings_and_push_constants_that_rust_knows() {
        for (shader, name, ..) in ALL {
            let spirv = module(shader);
            let (_, entry_point) = reflect::entry_points(&spirv).next().unwrap();
            assert_eq!(
                (&*entry_point.name, entry_point.execution_model),
                ("main", ExecutionModel::GLCompute)
            );
            let requirements = &entry_point.descriptor_binding_requirements;
            let bindings: BTreeSet<_> = requirements.keys().copied().collect();
            assert_eq!(bindings, shader.bindings.iter().map(|&binding| (0, binding)).collect(), "{name}");
            for requirement in requirements.values() {
                assert!(requirement.descriptor_types.contains(&DescriptorType::StorageBuffer), "{name}");
                assert_eq!(requirement.descriptor_count, Some(1), "{name}");
            }
            let range = entry_point.push_constant_requirements.unwrap();
            assert_eq!((range.offset, range.size), (0, shader.push_constant_bytes()), "{name}");
            assert_eq!(push_constants(&spirv), shader.push_constants, "{name}");
        }
    }

    #[test]
    fn stages_set_all_specialisation_constants() {
        let limits = DeviceLimits {
            max_storage_buffer_range: 1 << 27,
            max_workgroups: 65_535,
            memory_bytes: 1 << 31,
            unified_memory: true,
            writable_memory: false,
            workgroup_size: 64,
            count_copies: 1,
        };
        let (copies, width) = (1, LabelWidth::for_labels_up_to(1));
        let words = PixelWords { count: 4, bytes: 16, are_integers: false };
        let count = |counting| Stage::Count { counting, words, copies };
        let stages = [
            Stage::Fingerprints { words },
            count(Counting::Indices),
            count(Counting::Wanted),
            count(Counting::Buckets),
            Stage::Collect { copies },
            Stage::CollectColors { words },
            Stage::Label { words: None, width },
            Stage::Label { words: Some(words), width },
            Stage::Expand { width },
        ];
        assert_eq!(stages.len(), ALL.len());
        for (stage, (shader, name, ..)) in stages.into_iter().zip(ALL) {
            assert!(std::ptr::eq(stage.shader(), *shader), "{stage:?} is not {name}");
            let constants = stage.constants(&limits);
            let set: BTreeSet<_> = constants.iter().map(|(id, _)| *id).collect();
            assert_eq!(set.len(), constants.len(), "{name} sets one twice");
            let spirv = module(shader);
            let declared = spirv.constants().iter().filter_map(|constant| match *constant {
                Instruction::SpecConstant { result_id, .. } => specialization_id(&spirv, result_id),
                _ => None,
            });
            assert_eq!(declared.collect::<BTreeSet<_>>(), set, "{name}");
        }
    }

    #[test]
    fn a_workgroup_has_as_many_invocations_as_its_constant_says() {
        for (shader, name, ..) in ALL {
            let spirv = module(shader);
            let is_workgroup_size = |decoration: &Instruction| {
                matches!(
                    decoration,
                    Instruction::Decorate {
                        decoration: Decoration::BuiltIn { built_in: BuiltIn::WorkgroupSize },
                        ..
                    }
                )
            };
            let size = spirv.constants().iter().find_map(|constant| match constant {
                Instruction::SpecConstantComposite { result_id, constituents, .. }
                    if spirv.id(*result_id).decorations().iter().any(is_workgroup_size) =>
                {
                    Some(constituents)
                }
                _ => None,
            });
            let size: Vec<_> = size
                .unwrap()
                .iter()
                .map(|&id| match (specialization_id(&spirv, id), spirv.id(id).instruction()) {
                    (Some(constant), _) => format!("constant {constant}"),
                    (None, Instruction::Constant { value, .. }) => format!("{}", value[0]),
                    (None, other) => panic!("{name}: {other:?}"),
                })
                .collect();
            assert_eq!(size, [&*format!("constant {}", constant::WORKGROUP_SIZE), "1", "1"], "{name}");
        }
    }

    /// The names of the constants are in no module, but in the sources.
    #[test]
    fn constants_have_the_numbers_that_the_sources_give_them() {
        let mut found = BTreeSet::new();
        for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "comp" && extension != "glsl") {
                continue;
            }
            for line in fs::read_to_string(&path).unwrap().lines() {
                if let Some(rest) = line.strip_prefix("layout(constant_id = ") {
                    let (id, rest) = rest.split_once(") const uint ").unwrap();
                    let (name, _) = rest.split_once(" = ").unwrap();
                    found.insert((name.to_owned(), id.parse().unwrap()));
                }
                if let Some(rest) = line.strip_prefix("layout(local_size_x_id = ") {
                    let (id, _) = rest.split_once(") in;").unwrap();
                    found.insert(("WORKGROUP_SIZE".to_owned(), id.parse().unwrap()));
                }
            }
        }
        let known: BTreeSet<_> = constant::ALL.iter().map(|&(name, id)| (name.to_owned(), id)).collect();
        assert_eq!(found, known);
    }

    /// `scripts/shaders` knows the same modules, sources and macros.
    #[test]
    fn modules_are_those_of_the_script() {
        let list = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/spirv/modules.txt"));
        let lines = list.lines().filter(|line| !line.starts_with('#'));
        let written: BTreeSet<_> = lines
            .map(|line| {
                let [name, source, variant] = line.split_whitespace().take(3).collect::<Vec<_>>()[..] else {
                    panic!("{line}")
                };
                let variant = if variant == "-" { "" } else { variant };
                (name.to_owned(), format!("shaders/{source}.comp"), variant.to_owned())
            })
            .collect();
        let known: BTreeSet<_> = ALL
            .iter()
            .map(|&(_, name, source, variant)| (name.to_owned(), source.to_owned(), variant.to_owned()))
            .collect();
        assert_eq!(written, known);
    }
}
