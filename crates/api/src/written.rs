//! The pages of rows that were written before: a page that a cache returns again is written once.

use actix_web::{HttpRequest, web::Data};
use bytes::Bytes;
use character_http_kit::KeptBodies;
use character_storage_port::Source;
use std::any::TypeId;

/// The texts of pages, at most 16 MiB of them in this process. A text is found by the entity tag of its page, in which revision and
/// time stand for the contents of each row. A page that the storage itself returned is written anyway and takes the place of what was
/// kept: where an operator has corrected a row beside the service and has dropped what is cached, the text follows.
///
/// Clones share what is kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct WrittenPages(KeptBodies<Page>);

/// A page: the type of its rows in the response, and its entity tag.
type Page = (TypeId, String);

impl WrittenPages {
    /// The text of the page of rows like `B` with this entity tag: written now, or what is kept for a page from a cache.
    pub(crate) fn of<B: 'static, E>(
        request: &HttpRequest,
        tag: &str,
        source: Source,
        write: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Bytes, E> {
        match request.app_data::<Data<Self>>() {
            Some(pages) => pages.get_or_write((TypeId::of::<B>(), tag.to_owned()), source, write),
            None => write().map(Bytes::from),
        }
    }

    fn get_or_write<E>(
        &self,
        page: Page,
        source: Source,
        write: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Bytes, E> {
        let is_original = matches!(source, Source::Origin);
        if !is_original && let Some(text) = self.0.get(&page) {
            return Ok(text);
        }
        let mut text = write()?;
        // A short text has a buffer that is many times as long.
        text.shrink_to_fit();
        let text = Bytes::from(text);
        if is_original {
            self.0.replace(page, text.clone());
        } else {
            // The storage may have returned the page meanwhile.
            self.0.add(page, text.clone());
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use character_storage_port::Tier;
    use std::{convert::Infallible, time::Duration};

    const CACHED: Source = Source::Cache { tier: Tier::Local, age: Duration::from_secs(1) };

    /// What a page with this tag from this source is answered with, when it is written as `text`.
    fn answered_from<B: 'static>(source: Source, pages: &WrittenPages, tag: &str, text: &[u8]) -> Bytes {
        let page = (TypeId::of::<B>(), tag.to_owned());
        let written = pages.get_or_write(page, source, || Ok::<_, Infallible>(text.to_vec()));
        written.unwrap_or_else(|never| match never {})
    }

    fn answered<B: 'static>(pages: &WrittenPages, tag: &str, text: &[u8]) -> Bytes {
        answered_from::<B>(CACHED, pages, tag, text)
    }

    #[test]
    fn a_page_with_the_same_tag_and_rows_of_the_same_type_is_written_once() {
        let pages = WrittenPages::default();
        assert_eq!(answered::<u8>(&pages, "a", b"first"), "first");
        assert_eq!(answered::<u8>(&pages, "a", b"again"), "first");
        assert_eq!(answered::<u8>(&pages.clone(), "a", b"again"), "first");
        assert_eq!(answered::<u8>(&pages, "b", b"another tag"), "another tag");
        assert_eq!(answered::<u16>(&pages, "a", b"other rows"), "other rows");
    }

    #[test]
    fn a_page_that_the_storage_returns_is_written_and_takes_the_place_of_what_was_kept() {
        let pages = WrittenPages::default();
        assert_eq!(answered::<u8>(&pages, "a", b"first"), "first");
        assert_eq!(answered_from::<u8>(Source::Origin, &pages, "a", b"corrected"), "corrected");
        assert_eq!(answered::<u8>(&pages, "a", b"of before"), "corrected");
    }

    #[test]
    fn a_page_that_cannot_be_written_is_not_kept() {
        let pages = WrittenPages::default();
        let page = (TypeId::of::<u8>(), "a".to_owned());
        assert_eq!(pages.get_or_write(page, CACHED, || Err("unwritten")), Err("unwritten"));
        assert_eq!(answered::<u8>(&pages, "a", b"written"), "written");
    }

    #[test]
    fn long_pages_are_not_kept_and_all_that_are_take_a_limited_number_of_bytes() {
        let pages = WrittenPages::default();
        let long = vec![b' '; 1024 * 1024 + 1];
        assert_eq!(answered::<u8>(&pages, "long", &long).len(), long.len());
        assert_eq!(answered::<u8>(&pages, "long", b"short"), "short");

        let pages = WrittenPages(KeptBodies::within(10_000));
        for number in 0..1_000 {
            answered::<u8>(&pages, &number.to_string(), b"[]");
        }
        let (number, bytes) = pages.0.size();
        assert!(bytes <= 10_000);
        assert!(number > 0);
    }
}
