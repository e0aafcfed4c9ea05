//! How names, titles and tags are compared, and which texts a person can see.
//!
//! Texts are stored as they were written. Only comparisons use the forms of this module.

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup, WhiteSpace},
};

/// Blank in every font, although Unicode counts it among the symbols.
const BRAILLE_BLANK: char = '\u{2800}';

/// The form in which titles and tags are compared: white space at both ends is removed, and the rest is in Unicode
/// normalization form C.
///
/// ```
/// use character_domain::text::normalized;
///
/// assert_eq!(normalized(" cafe\u{301}"), normalized("caf\u{e9}"));
/// assert_ne!(normalized("Keep"), normalized("keep"));
/// ```
#[must_use]
pub fn normalized(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(text.trim()).into_owned()
}

/// The form in which names are searched and ordered: as [`normalized`], with the case folded.
///
/// Two texts that are a canonical caseless match in the sense of Unicode have the same form.
///
/// ```
/// use character_domain::text::folded;
///
/// assert_eq!(folded("Straße"), folded("STRASSE"));
/// assert_eq!(folded("CAFÉ "), "café");
/// ```
#[must_use]
pub fn folded(text: &str) -> String {
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(text.trim());
    let folded = CaseMapper::new().fold_string(&decomposed);
    ComposingNormalizerBorrowed::new_nfc().normalize(&folded).into_owned()
}

/// Whether a person sees nothing of the text: it has only white space, control and format characters, fillers, and
/// other characters that are displayed as nothing, or it is empty.
#[must_use]
pub fn is_invisible(text: &str) -> bool {
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let white_space = CodePointSetData::new::<WhiteSpace>();
    let categories = CodePointMapData::<GeneralCategory>::new();
    let unseen =
        GeneralCategoryGroup::Separator.union(GeneralCategoryGroup::Control).union(GeneralCategoryGroup::Format);
    text.chars().all(|letter| {
        letter == BRAILLE_BLANK
            || white_space.contains(letter)
            || ignorable.contains(letter)
            || unseen.contains(categories.get(letter))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_that_differ_in_case_and_form_alone_fold_to_the_same() {
        for (one, other) in [
            ("Stra\u{df}e", "STRASSE"),
            ("\u{130}stanbul", "i\u{307}STANBUL"),
            ("CAFE\u{301}", "caf\u{e9}"),
            ("\u{3a3}\u{3af}\u{3c3}\u{3c5}\u{3c6}\u{3bf}\u{3c2}", "\u{3a3}\u{38a}\u{3a3}\u{3a5}\u{3a6}\u{39f}\u{3a3}"),
            ("\u{212b}ngstr\u{f6}m", "A\u{30a}NGSTRO\u{308}M"),
            ("\u{fb01}sh", "FISH"),
            (" Moonblade\u{3000}", "moonblade"),
            ("q\u{307}\u{323}", "Q\u{323}\u{307}"),
        ] {
            assert_eq!(folded(one), folded(other), "{one:?} and {other:?}");
        }
        assert_ne!(folded("resume"), folded("r\u{e9}sum\u{e9}"));
    }

    #[test]
    fn titles_are_normalized_and_keep_their_case() {
        assert_eq!(normalized("\t\u{3a9} "), normalized("\u{2126}"));
        assert_ne!(normalized("Keep"), normalized("KEEP"));
        assert_ne!(normalized("\u{fb01}sh"), normalized("fish"));
    }

    #[test]
    fn a_text_is_invisible_when_none_of_its_characters_is_seen() {
        let unseen = [
            "",
            " ",
            "\t\n",
            "\u{a0}",
            "\u{3000}",
            "\u{200b}",
            "\u{200d}\u{200b}",
            "\u{2060}",
            "\u{feff}",
            "\u{3164}",
            "\u{115f}\u{1160}",
            "\u{ffa0}",
            "\u{ad}",
            "\u{180e}",
            "\u{34f}",
            "\u{fe0f}",
            "\u{e0020}",
            "\u{202e}",
            "\u{2800}",
            "\u{2028}",
            "\u{0}",
            "\u{7f}",
            "\u{1d173}",
        ];
        for text in unseen {
            assert!(is_invisible(text), "{text:?}");
            assert!(!is_invisible(&format!("{text}x{text}")), "{text:?} around a letter");
        }
        for text in ["x", ".", "\u{1f409}", "\u{5b57}", "\u{e9}", "\u{200b}-", "\u{1f468}\u{200d}\u{1f469}"] {
            assert!(!is_invisible(text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn both_forms_stay_what_they_are_when_made_again(text in "\\PC*") {
            prop_assert_eq!(normalized(&normalized(&text)), normalized(&text));
            prop_assert_eq!(folded(&folded(&text)), folded(&text));
            prop_assert_eq!(folded(&normalized(&text)), folded(&text));
        }

        #[test]
        fn the_case_of_a_text_does_not_change_its_folded_form(text in "[a-zA-Zß\u{e0}-\u{17f}\u{391}-\u{3c9}]*") {
            prop_assert_eq!(folded(&text.to_lowercase()), folded(&text));
        }
    }
}
