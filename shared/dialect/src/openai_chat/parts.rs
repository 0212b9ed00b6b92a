//! The parts of a message or an item: texts, images, sound and files, as chat and Responses both
//! spell them.
//!
//! Invariants: what only one provider could find again (`file_id`) is refused.

use std::borrow::Cow;

use serde::Deserialize;

use crate::intent::RequestFault;
use crate::prompt::{Cache, Part, PartKind, Source};
use crate::typed::{Content, Text, source_of};

/// A part, whatever it is.
#[derive(Debug, Deserialize)]
pub(crate) struct ContentPart<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    refusal: Option<Text<'a>>,
    image_url: Option<ImageUrl<'a>>,
    detail: Option<Text<'a>>,
    input_audio: Option<Sound<'a>>,
    file: Option<FileRef<'a>>,
    file_id: Option<Text<'a>>,
    file_url: Option<Text<'a>>,
    file_data: Option<Text<'a>>,
    filename: Option<Text<'a>>,
    cache_control: Option<CacheControl<'a>>,
    prompt_cache_breakpoint: Option<Breakpoint>,
}

/// Chat's object, or the bare address of Responses.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum ImageUrl<'a> {
    Bare(#[serde(borrow)] Cow<'a, str>),
    Object {
        #[serde(borrow)]
        url: Cow<'a, str>,
        #[serde(borrow)]
        detail: Option<Text<'a>>,
    },
}

#[derive(Debug, Deserialize)]
struct Sound<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
    #[serde(borrow)]
    format: Cow<'a, str>,
}

#[derive(Debug, Default, Deserialize)]
struct FileRef<'a> {
    #[serde(borrow)]
    filename: Option<Text<'a>>,
    file_data: Option<Text<'a>>,
    file_id: Option<Text<'a>>,
    file_url: Option<Text<'a>>,
}

/// OpenAI's mark of what is to be kept.
#[derive(Debug, Deserialize)]
pub(super) struct Breakpoint {}

/// Anthropic's mark, as OpenRouter takes it here too.
#[derive(Debug, Deserialize)]
pub(super) struct CacheControl<'a> {
    #[serde(borrow)]
    ttl: Option<Text<'a>>,
}

impl CacheControl<'_> {
    pub(super) fn cache(&self) -> Cache {
        match &self.ttl {
            Some(ttl) if ttl.0 == "1h" => Cache::Hour,
            _ => Cache::Short,
        }
    }
}

/// The parts of a content, in their order; empty texts are left to whoever takes them.
pub(crate) fn parts_of<'a>(
    content: Content<'a, ContentPart<'a>>,
    param: &'static str,
) -> Result<Vec<Part<'a>>, RequestFault> {
    match content {
        Content::Text(text) => Ok(vec![Part::text(text)]),
        Content::Parts(parts) => parts.into_iter().map(|part| part.read(param)).collect(),
    }
}

impl<'a> ContentPart<'a> {
    fn read(self, param: &'static str) -> Result<Part<'a>, RequestFault> {
        let cache = self.cache_control.as_ref().map(CacheControl::cache);
        let cache = cache.or(self.prompt_cache_breakpoint.as_ref().map(|_| Cache::Short));
        Ok(Part { kind: self.kind_of(param)?, cache })
    }

    fn kind_of(self, param: &'static str) -> Result<PartKind<'a>, RequestFault> {
        let lacks = |what: &str| RequestFault::invalid(param, format!("a part has no `{what}`"));
        match &*self.kind {
            "text" | "input_text" | "output_text" => {
                Ok(PartKind::Text(self.text.ok_or_else(|| lacks("text"))?.0))
            }
            "refusal" => Ok(PartKind::Text(self.refusal.ok_or_else(|| lacks("refusal"))?.0)),
            "image_url" | "input_image" => {
                if self.file_id.is_some() {
                    return Err(no_file_id(param));
                }
                let (url, detail) = match self.image_url.ok_or_else(|| lacks("image_url"))? {
                    ImageUrl::Bare(url) => (url, self.detail),
                    ImageUrl::Object { url, detail } => (url, detail),
                };
                let source = source_of(url).ok_or_else(|| bad_address(param, "image_url"))?;
                Ok(PartKind::Image { source, detail: detail.map(|detail| detail.0) })
            }
            "input_audio" => {
                let sound = self.input_audio.ok_or_else(|| lacks("input_audio"))?;
                let media_type = format!("audio/{}", sound.format).into();
                Ok(PartKind::Audio { media_type, data: sound.data })
            }
            "file" => self.file.ok_or_else(|| lacks("file"))?.read(param),
            "input_file" => FileRef {
                filename: self.filename,
                file_data: self.file_data,
                file_id: self.file_id,
                file_url: self.file_url,
            }
            .read(param),
            other => {
                let message = format!("a part of type `{other}` cannot be sent to this model");
                Err(RequestFault::unsupported(param, message))
            }
        }
    }
}

impl<'a> FileRef<'a> {
    fn read(self, param: &'static str) -> Result<PartKind<'a>, RequestFault> {
        if self.file_id.is_some() {
            return Err(no_file_id(param));
        }
        let name = self.filename.map(|name| name.0);
        let place = self.file_data.or(self.file_url).map(|place| place.0);
        let place = place.ok_or_else(|| {
            RequestFault::invalid(param, "a file part must have `file_data` or an address")
        })?;
        let source = if place.contains(':') {
            source_of(place).ok_or_else(|| bad_address(param, "file_data"))?
        } else {
            let is_pdf = name.as_ref().is_none_or(|name| name.ends_with(".pdf"));
            if !is_pdf {
                return Err(bad_address(param, "file_data"));
            }
            Source::Data { media_type: "application/pdf".into(), data: place }
        };
        Ok(PartKind::File { name, source })
    }
}

fn no_file_id(param: &'static str) -> RequestFault {
    let message = "`file_id` names a file that is stored elsewhere; send its bytes as `file_data`";
    RequestFault::unsupported(param, message)
}

fn bad_address(param: &'static str, member: &str) -> RequestFault {
    let message = format!("`{member}` must be a `data:…;base64,…` or an `https:` address");
    RequestFault::invalid(param, message)
}
