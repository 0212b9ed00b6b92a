//! Where known providers are, by the names that public price files give them.
//!
//! Facts only: address, the variable that usually holds the key, the dialect. A file of the same
//! shape (`{"providers": {id: {base_url, api_key_env, dialect}}}`) adds to them or overrides them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::complaint::{Complaint, Place};
use crate::rows::{Dialect, OutputCapField, ProviderRow};
use crate::url::BaseUrl;

/// An OpenAI-dialect provider: id, address, key variable.
type Known = (&'static str, &'static str, &'static str);

/// Providers of other dialects.
const OTHERS: [(Dialect, Known); 2] = [
    (Dialect::Anthropic, ("anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY")),
    (
        Dialect::Gemini,
        ("gemini", "https://generativelanguage.googleapis.com/v1beta", "GEMINI_API_KEY"),
    ),
];

/// A provider on the operator's own machine, without a key.
const LOCAL: (&str, &str) = ("ollama", "http://127.0.0.1:11434/v1");

/// Where a provider is, as a file says it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderFact {
    base_url: String,
    #[serde(default)]
    api_key_env: Option<String>,
    #[serde(default)]
    dialect: Dialect,
}

#[derive(Deserialize)]
struct ProviderFile {
    providers: BTreeMap<String, ProviderFact>,
}

/// The known providers, and those of a file where there is one.
///
/// # Errors
/// Where the file does not have the shape above.
pub(super) fn provider_rows(
    providers_json: Option<&str>,
) -> Result<BTreeMap<String, ProviderRow>, Complaint> {
    let mut rows: BTreeMap<String, ProviderRow> = BTreeMap::new();
    let openai = OPENAI.iter().map(|known| (Dialect::OpenAi, *known));
    for (dialect, (id, base_url, key)) in openai.chain(OTHERS) {
        rows.insert(id.to_owned(), provider_row(id, dialect, base_url, Some(key)));
    }
    rows.insert(LOCAL.0.to_owned(), provider_row(LOCAL.0, Dialect::OpenAi, LOCAL.1, None));
    if let Some(json) = providers_json {
        let file: ProviderFile = serde_json::from_str(json).map_err(|error| {
            let remedy = "write {\"providers\": {id: {base_url, api_key_env, dialect}}}";
            Complaint::new(Place::default(), format!("the providers' file: {error}"), remedy)
        })?;
        for (id, fact) in file.providers {
            let key = fact.api_key_env.as_deref();
            let row = provider_row(&id, fact.dialect, &fact.base_url, key);
            rows.insert(id, row);
        }
    }
    Ok(rows)
}

fn provider_row(id: &str, dialect: Dialect, base_url: &str, key: Option<&str>) -> ProviderRow {
    let own_cap_field = id == "openai" || dialect != Dialect::OpenAi;
    ProviderRow {
        api_keys: key.map(|name| format!("env:{name}")).into_iter().collect(),
        allow_private: base_url.parse::<BaseUrl>().is_ok_and(|url| url.is_private()),
        output_cap_field: if own_cap_field {
            OutputCapField::MaxCompletionTokens
        } else {
            OutputCapField::MaxTokens
        },
        ..ProviderRow::new(id, dialect, base_url)
    }
}

/// Providers that speak OpenAI's dialect.
#[rustfmt::skip]
const OPENAI: [Known; 89] = [
    ("abliteration", "https://api.abliteration.ai/v1", "ABLITERATION_API_KEY"),
    ("ai21", "https://api.ai21.com/studio/v1", "AI21_API_KEY"),
    ("ai21_chat", "https://api.ai21.com/studio/v1", "AI21_API_KEY"),
    ("aiand", "https://api.aiand.com/v1", "AIAND_API_KEY"),
    ("aihubmix", "https://aihubmix.com/v1", "AIHUBMIX_API_KEY"),
    ("amazon_nova", "https://api.nova.amazon.com/v1", "AMAZON_NOVA_API_KEY"),
    ("anyscale", "https://api.endpoints.anyscale.com/v1", "ANYSCALE_API_KEY"),
    ("apertis", "https://api.stima.tech/v1", "STIMA_API_KEY"),
    ("assemblyai", "https://llm-gateway.assemblyai.com/v1", "ASSEMBLYAI_API_KEY"),
    ("baseten", "https://inference.baseten.co/v1", "BASETEN_API_KEY"),
    ("bigmodel", "https://open.bigmodel.cn/api/paas/v4", "BIGMODEL_API_KEY"),
    ("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    ("charity_engine", "https://api.charityengine.services/remotejobs/v2/inference",
     "CHARITY_ENGINE_API_KEY"),
    ("chutes", "https://llm.chutes.ai/v1", "CHUTES_API_KEY"),
    ("clf_ai_gateway", "https://api.clfaigateway.dev/v1", "CLF_AI_GATEWAY_API_KEY"),
    ("codestral", "https://codestral.mistral.ai/v1", "CODESTRAL_API_KEY"),
    ("cognition", "https://api.cognition.ai/v1", "COGNITION_API_KEY"),
    ("cohere_chat", "https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY"),
    ("coralbricks", "https://inference.coralbricks.ai/v1", "CORALBRICKS_API_KEY"),
    ("cortecs", "https://api.cortecs.ai/v1", "CORTECS_API_KEY"),
    ("crusoe", "https://api.inference.crusoecloud.com/v1", "CRUSOE_API_KEY"),
    ("darkbloom", "https://api.darkbloom.dev/v1", "DARKBLOOM_API_KEY"),
    ("dashscope", "https://dashscope.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY"),
    ("deepinfra", "https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"),
    ("deepseek", "https://api.deepseek.com", "DEEPSEEK_API_KEY"),
    ("empiriolabs", "https://api.empiriolabs.ai/v1", "EMPIRIOLABS_API_KEY"),
    ("empower", "https://app.empower.dev/api/v1", "EMPOWER_API_KEY"),
    ("featherless_ai", "https://api.featherless.ai/v1", "FEATHERLESS_AI_API_KEY"),
    ("fireworks_ai", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    ("friendliai", "https://api.friendli.ai/serverless/v1", "FRIENDLIAI_API_KEY"),
    ("galadriel", "https://api.galadriel.com/v1", "GALADRIEL_API_KEY"),
    ("gigachat", "https://gigachat.devices.sberbank.ru/api/v1", "GIGACHAT_API_KEY"),
    ("github", "https://models.inference.ai.azure.com", "GITHUB_API_KEY"),
    ("gmi", "https://api.gmi-serving.com/v1", "GMI_API_KEY"),
    ("gradient_ai", "https://inference.do-ai.run/v1", "GRADIENT_AI_API_KEY"),
    ("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    ("helicone", "https://ai-gateway.helicone.ai", "HELICONE_API_KEY"),
    ("hostinger_router", "https://router.hostinger.com/v1", "HOSTINGER_ROUTER_API_KEY"),
    ("hyperbolic", "https://api.hyperbolic.xyz/v1", "HYPERBOLIC_API_KEY"),
    ("inception", "https://api.inceptionlabs.ai/v1", "INCEPTION_API_KEY"),
    ("inferenceapis", "https://api.inferenceapis.com/v1", "INFERENCEAPIS_API_KEY"),
    ("kyma", "https://kymaapi.com/v1", "KYMA_API_KEY"),
    ("lambda_ai", "https://api.lambda.ai/v1", "LAMBDA_API_KEY"),
    ("libertai", "https://api.libertai.io/v1", "LIBERTAI_API_KEY"),
    ("llamagate", "https://api.llamagate.dev/v1", "LLAMAGATE_API_KEY"),
    ("meta", "https://api.meta.ai/v1", "META_API_KEY"),
    ("meta_llama", "https://api.llama.com/compat/v1", "LLAMA_API_KEY"),
    ("minimax", "https://api.minimax.io/v1", "MINIMAX_API_KEY"),
    ("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    ("moonshot", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY"),
    ("morph", "https://api.morphllm.com/v1", "MORPH_API_KEY"),
    ("nano-gpt", "https://nano-gpt.com/api/v1", "NANOGPT_API_KEY"),
    ("nebius", "https://api.studio.nebius.ai/v1", "NEBIUS_API_KEY"),
    ("neosantara", "https://api.neosantara.xyz/v1", "NEOSANTARA_API_KEY"),
    ("novita", "https://api.novita.ai/v3/openai", "NOVITA_API_KEY"),
    ("nscale", "https://inference.api.nscale.com/v1", "NSCALE_API_KEY"),
    ("nvidia_nim", "https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY"),
    ("openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
    ("openinfer", "https://api.openinfer.ai/v1", "OPENINFER_API_KEY"),
    ("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    ("ovhcloud", "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1", "OVHCLOUD_API_KEY"),
    ("parasail", "https://api.parasail.io/v1", "PARASAIL_API_KEY"),
    ("perplexity", "https://api.perplexity.ai", "PERPLEXITYAI_API_KEY"),
    ("pinstripes", "https://pinstripes.io/v1", "PINSTRIPES_API_KEY"),
    ("poe", "https://api.poe.com/v1", "POE_API_KEY"),
    ("prism", "https://api.prisminference.com/v1", "PRISM_API_KEY"),
    ("publicai", "https://api.publicai.co/v1", "PUBLICAI_API_KEY"),
    ("refuseless", "https://api.refuseless.com/v1", "REFUSELESS_API_KEY"),
    ("reka", "https://api.reka.ai/v1", "REKA_API_KEY"),
    ("sail", "https://api.sailresearch.com/v1", "SAIL_API_KEY"),
    ("sambanova", "https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
    ("sarvam", "https://api.sarvam.ai/v1", "SARVAM_API_KEY"),
    ("scaleway", "https://api.scaleway.ai/v1", "SCW_SECRET_KEY"),
    ("scx-ai", "https://api.scx.ai/v1", "SCX_API_KEY"),
    ("streamlake", "https://vanchin.streamlake.ai/api/gateway/v1/endpoints", "STREAMLAKE_API_KEY"),
    ("synthetic", "https://api.synthetic.new/openai/v1", "SYNTHETIC_API_KEY"),
    ("tencent", "https://tokenhub-intl.tencentcloudmaas.com/v1", "TENCENT_API_KEY"),
    ("tensormesh", "https://serverless.tensormesh.ai/v1", "TENSORMESH_INFERENCE_API_KEY"),
    ("together_ai", "https://api.together.ai/v1", "TOGETHER_API_KEY"),
    ("v0", "https://api.v0.dev/v1", "V0_API_KEY"),
    ("veniceai", "https://api.venice.ai/api/v1", "VENICE_AI_API_KEY"),
    ("vercel_ai_gateway", "https://ai-gateway.vercel.sh/v1", "VERCEL_AI_GATEWAY_API_KEY"),
    ("volcengine", "https://ark.cn-beijing.volces.com/api/v3", "VOLCENGINE_API_KEY"),
    ("voyage", "https://api.voyageai.com/v1", "VOYAGE_API_KEY"),
    ("wandb", "https://api.inference.wandb.ai/v1", "WANDB_API_KEY"),
    ("xai", "https://api.x.ai/v1", "XAI_API_KEY"),
    ("xiaomi_mimo", "https://api.xiaomimimo.com/v1", "XIAOMI_MIMO_API_KEY"),
    ("zai", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY"),
    ("zerogpu", "https://api.zerogpu.ai/v1", "ZEROGPU_API_KEY"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_adds_to_the_known_providers_and_overrides_them() {
        let file = r#"{"source": "s", "providers": {
            "openai": {"base_url": "https://eu.example.com/v1", "api_key_env": "EU_KEY"},
            "mine": {"base_url": "http://10.0.0.9/v1", "api_key_env": null,
                "dialect": "gemini"}}}"#;
        let rows = provider_rows(Some(file)).unwrap();
        assert_eq!(rows["openai"].base_url, "https://eu.example.com/v1");
        assert!(rows["mine"].allow_private && rows["mine"].api_keys.is_empty());
        assert_eq!(rows["mine"].dialect, Dialect::Gemini);
        assert_eq!(rows["anthropic"].api_keys, ["env:ANTHROPIC_API_KEY"]);
        assert_eq!(rows.len(), OPENAI.len() + OTHERS.len() + 2);
    }

    #[test]
    fn a_file_of_another_shape_is_complained_of() {
        let complaint = provider_rows(Some("{\"providers\": {\"a\": {}}}")).unwrap_err();
        assert!(complaint.what.contains("missing field `base_url`"), "{complaint}");
    }
}
