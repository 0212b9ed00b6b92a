//! What OpenAI's dialect makes beside words: vectors, pictures, sounds; each only plausible.
//!
//! A vector follows from its text and has length one, as real ones do. Its numbers are the only
//! floats here; they are no counts.

use serde_json::json;

use super::render;
use crate::ask::Made;
use crate::base64;
use crate::chat::Job;
use crate::text::{Dice, seed_of};
use crate::voice::put;

/// A sound's bytes: the head of an MP3 frame, and silence.
const SOUND: [u8; 64] = {
    let mut sound = [0; 64];
    sound[0] = 0xff;
    sound[1] = 0xfb;
    sound
};
/// The smallest picture: a GIF of one dot.
const PICTURE: &[u8] = b"GIF89a\x01\0\x01\0\0\0\0;";

pub(super) fn whole(out: &mut Vec<u8>, made: &Made, job: &Job<'_>) {
    match made {
        Made::Vectors { texts, dimensions, base64 } => {
            out.extend_from_slice(br#"{"object":"list","data":["#);
            for (index, text) in texts.iter().enumerate() {
                let comma = if index > 0 { "," } else { "" };
                put!(out, r#"{comma}{{"object":"embedding","index":{index},"embedding":"#);
                write_vector(out, &vector(text, *dimensions), *base64);
                out.push(b'}');
            }
            put!(out, r#"],"model":{}"#, json!(job.label.model));
            if job.script.tells_usage() {
                let prompt = job.answer.billed.prompt.to_string();
                let prompt = job.script.usage.literal().unwrap_or(&prompt);
                put!(out, r#","usage":{{"prompt_tokens":{prompt},"total_tokens":{prompt}}}"#);
            }
            out.push(b'}');
        }
        Made::Pictures(count) => {
            let picture = json!({"b64_json": base64::encode(PICTURE)});
            let pictures: Vec<_> = (0..*count).map(|_| picture.clone()).collect();
            put!(out, r#"{{"created":{},"data":{}"#, job.label.created, json!(pictures));
            let billed = job.answer.billed;
            let usage = json!({
                "input_tokens": billed.prompt,
                "input_tokens_details": {"text_tokens": billed.prompt, "image_tokens": 0},
                "output_tokens": billed.completion,
                "total_tokens": billed.prompt + billed.completion,
            });
            put!(out, r#","usage":{usage}}}"#);
        }
        Made::Speech => out.extend_from_slice(&SOUND),
        Made::Transcript => {
            out.extend_from_slice(br#"{"text":"The sandbox hears nothing.","usage":"#);
            render::usage(out, &job.answer.billed, job.script);
            out.push(b'}');
        }
    }
}

/// The kind of body that this is.
pub(crate) const fn content_type(made: &Made) -> &'static str {
    match made {
        Made::Speech => "audio/mpeg",
        _ => "application/json",
    }
}

fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let mut dice = Dice::new(seed_of(text.as_bytes()));
    let raw: Vec<_> = (0..dimensions).map(|_| dice.below(2001) as f32 - 1000.0).collect();
    let length = raw.iter().map(|number| number * number).sum::<f32>().sqrt();
    raw.iter().map(|number| number / length.max(1.0)).collect()
}

fn write_vector(out: &mut Vec<u8>, vector: &[f32], base64: bool) {
    if base64 {
        let bytes: Vec<_> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
        put!(out, r#""{}""#, base64::encode(&bytes));
    } else {
        put!(out, "{}", json!(vector));
    }
}
